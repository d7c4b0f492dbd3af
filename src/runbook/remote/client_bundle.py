"""The control plane's client bundle on this machine: for one run, readable by its owner alone."""

import io
import ssl
import tempfile
import zipfile
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from docker import APIClient
from docker.tls import TLSConfig

from runbook.domain.errors import MismatchError

NEEDED = ("ca.pem", "cert.pem", "key.pem")
_FIRST_VERSION = "1.24"  # only to ask which one the control plane speaks


def with_port(url: str) -> str:
    """Return the URL with the port that https means; the SDK wants one spelled out."""
    parts = urlsplit(url)
    return url if parts.port else urlunsplit(parts._replace(netloc=f"{parts.netloc}:443"))


class ClientBundle:
    """Unpacked files of a bundle in a folder that `close` deletes."""

    def __init__(self, where: str, content: bytes) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="runbook-bundle-")  # mode 0700
        self._path = Path(self._folder.name)
        try:
            self._unpack(content)
        except (zipfile.BadZipFile, KeyError) as error:
            self.close()
            raise MismatchError(
                where,
                f"its client bundle is not usable: {error}",
                "download one by hand and compare, then rerun",
            ) from error

    def make_client(self, url: str, timeout: int) -> APIClient:
        """Return a Docker client for the control plane at `url` that speaks the version it knows."""
        asking = self._make_client(url, timeout, _FIRST_VERSION)
        try:
            version = asking.version(api_version=False)["ApiVersion"]
        finally:
            asking.close()
        return self._make_client(url, timeout, version)

    def make_context(self) -> ssl.SSLContext:
        """Return the TLS settings of this bundle."""
        context = ssl.create_default_context(cafile=str(self._path / "ca.pem"))
        context.load_cert_chain(self._path / "cert.pem", self._path / "key.pem")
        return context

    def close(self) -> None:
        """Delete the files."""
        self._folder.cleanup()

    def _unpack(self, content: bytes) -> None:
        with zipfile.ZipFile(io.BytesIO(content)) as bundle:
            for name in NEEDED:
                target = self._path / name
                target.touch(mode=0o600)
                target.write_bytes(bundle.read(name))

    def _make_client(self, url: str, timeout: int, version: str) -> APIClient:
        tls = TLSConfig(
            client_cert=(str(self._path / "cert.pem"), str(self._path / "key.pem")),
            ca_cert=str(self._path / "ca.pem"),
            verify=True,
        )
        client = APIClient(base_url=with_port(url), tls=tls, version=version, timeout=timeout)
        client.trust_env = False  # else REQUESTS_CA_BUNDLE would replace the bundle's CA
        return client
