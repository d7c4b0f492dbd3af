"""The proxy that the registry goes out through, for mirroring and for its vulnerability database."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationInfo

from blocks.secret_references import KINDS, check_reference, resolve
from runbook.domain.install_options import HTTP_PROXY, HTTPS_PROXY, ProxyFlags


def _check(text: str, info: ValidationInfo) -> str:
    if text.startswith(KINDS):
        return check_reference(text, info)
    url = urlsplit(text)
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise ValueError("must be http://HOST:PORT, or env:NAME, file:PATH or block:NAME")
    if url.password or url.username:
        raise ValueError(
            "holds a user or a password; name where the URL is: env:NAME, file:PATH or block:NAME"
        )
    return text


ProxyUrl = Annotated[str, AfterValidator(_check)]


class ProxySettings(BaseModel):
    """URLs of a proxy; one that holds a password is a reference."""

    model_config = ConfigDict(extra="forbid")

    http: ProxyUrl | None = Field(default=None, description="Proxy for http:// targets")
    https: ProxyUrl | None = Field(default=None, description="Proxy for https:// targets")
    no_proxy: str | None = Field(default=None, description="Hosts and domains reached directly, with commas")

    def flags(self) -> ProxyFlags:
        """Return what may stand in an argument list."""
        return ProxyFlags(_open(self.http), _open(self.https), self.no_proxy)

    def secrets(self) -> dict[str, SecretStr]:
        """Return what may not, by the name of its variable."""
        named = {HTTP_PROXY: self.http, HTTPS_PROXY: self.https}
        return {name: resolve(url) for name, url in named.items() if url and url.startswith(KINDS)}

    def url_for(self, scheme: str) -> SecretStr | None:
        """Return the proxy for targets of a scheme, None where they are reached directly."""
        url = self.http if scheme == "http" else self.https
        return resolve(url) if url and url.startswith(KINDS) else SecretStr(url) if url else None


def _open(url: str | None) -> str | None:
    return None if url is None or url.startswith(KINDS) else url
