"""How an S3 API is reached, for the registry's storage and for the vault alike."""

from collections.abc import Iterator, Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ModelWrapValidatorHandler, model_validator

from blocks.paths import FilePath
from blocks.problems import Problem, validated
from blocks.secret_references import SecretReference, resolve
from runbook.remote.s3 import S3Settings

_KEYS = ("access_key", "secret_key")


class S3Access(BaseModel):
    """Endpoint, keys and trust."""

    model_config = ConfigDict(extra="forbid")

    endpoint: str | None = Field(default=None, description="For S3-compatible stores; empty for AWS")
    access_key: SecretReference | None = Field(
        default=None, description="Both keys left out: the machine's own credentials, as an instance role"
    )
    secret_key: SecretReference | None = Field(default=None, description="The other half of the keys")
    ca_file: FilePath | None = Field(
        default=None, description="CA of the endpoint, PEM; left out: the public ones"
    )

    @model_validator(mode="wrap")
    @classmethod
    def _both_keys_or_none(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return validated(handler, data, _lone_key(data))

    def reached_in(self, region: str) -> S3Settings:
        """Return what a client needs, the keys resolved."""
        return S3Settings(
            endpoint_url=self.endpoint,
            region=region,
            access_key=resolve(self.access_key).get_secret_value() if self.access_key else None,
            secret_key=resolve(self.secret_key) if self.secret_key else None,
            ca_file=self.ca_file,
        )


def _lone_key(data: Any) -> Iterator[Problem]:
    missing = [key for key in _KEYS if isinstance(data, Mapping) and not data.get(key)]
    if len(missing) == 1:
        (other,) = set(_KEYS) - set(missing)
        yield Problem((missing[0],), f"is missing beside {other}; give both, or neither for an instance role")
