"""Where the nodes get the registry's own images: from the vendor, from a registry nearby, or from an archive."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    SecretStr,
    model_validator,
)

from blocks.paths import FilePath
from blocks.problems import Problem, validated
from blocks.secret_references import SecretReference, resolve
from runbook.domain.image_distribution import ImageSource

_REPOSITORY = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[a-z0-9._-]+)*")


def _repository(text: str) -> str:
    if not _REPOSITORY.fullmatch(text.rstrip("/")):
        raise ValueError("must be HOST[:PORT]/PATH, such as registry.internal/mirantis, without https://")
    return text.rstrip("/")


class ImageSourceSettings(BaseModel):
    """A registry to pull from, or an archive that `docker save` wrote; with neither the vendor's names are pulled."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    repository: Annotated[str, AfterValidator(_repository)] | None = Field(
        default=None, alias="from", description="HOST[:PORT]/PATH that holds the vendor's images"
    )
    user: str | None = Field(default=None, min_length=1, description="User of that registry")
    password: SecretReference | None = Field(default=None, description="env:NAME, file:PATH or block:NAME")
    archive: FilePath | None = Field(default=None, description="What `docker save` wrote: .tar or .tar.gz")

    @model_validator(mode="wrap")
    @classmethod
    def _one_way(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return validated(handler, data, _problems(data))

    def source(self) -> ImageSource:
        """Return where images are pulled from, without the password."""
        return ImageSource(self.repository, self.user)

    def secret(self) -> SecretStr | None:
        """Return the password of that registry."""
        return resolve(self.password) if self.password else None


def _problems(data: Any) -> Iterator[Problem]:
    if not isinstance(data, Mapping):
        return
    repository = data.get("from") or data.get("repository")
    if repository and data.get("archive"):
        yield Problem(
            ("archive",), "images come from a registry or from an archive; give one of from and archive"
        )
    missing = [key for key in ("user", "password") if not data.get(key)]
    if len(missing) == 1:
        yield Problem((missing[0],), "is missing; give user and password, or neither")
    if data.get("archive") and (data.get("user") or data.get("password")):
        yield Problem(("user",), "nobody logs in to an archive; leave user and password out")
