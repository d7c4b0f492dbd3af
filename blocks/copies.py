"""Other vaults that hold the recovery points once more: another account, another site."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from blocks.problems import Path as FieldPath
from blocks.problems import Problem, path_text
from blocks.s3_access import S3Access
from runbook.domain.errors import RefusedError
from runbook.remote.blob_seal import AsStored
from runbook.remote.vault import Vault
from runbook.remote.vaults import open_vault

_FOLDER = "file://"
_VAULT: FieldPath = ("vault",)


class CopySettings(S3Access):
    """One more vault; its credentials are its own and need no right to delete."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", description="Short name: offsite, tape, …")
    url: str = Field(pattern=r"^(file:///|s3://)\S+", description="file:///folder or s3://bucket[/prefix]")
    region: str | None = Field(default=None, description="Region of the bucket")

    def open(self) -> Vault:
        """Return the vault; a folder that is not there is refused, for it may be a mount that is missing."""
        if self.url.startswith(_FOLDER) and not Path(self.url.removeprefix(_FOLDER)).is_dir():
            raise RefusedError(self.url, "there is no such folder", "mount it, or make it, then run again")
        return open_vault(self.url, self.reached_in(self.region or "us-east-1"), seal=AsStored())


def copies_disagree(vault: Any) -> Iterator[Problem]:
    """Yield each copy whose name another has, or that is the vault itself or another copy, as it was written."""
    copies = vault.get("copies") if isinstance(vault, Mapping) else None
    if not isinstance(copies, list):
        return
    names: dict[str, FieldPath] = {}
    places = {_place(vault): (*_VAULT, "url")}
    for number, copy in enumerate(copies):
        if not isinstance(copy, Mapping):
            continue
        path: FieldPath = (*_VAULT, "copies", number)
        yield from _taken(names, copy.get("name"), (*path, "name"))
        yield from _taken(places, _place(copy), (*path, "url"))


def _taken(seen: dict[str, FieldPath], value: Any, path: FieldPath) -> Iterator[Problem]:
    if not isinstance(value, str) or not value:
        return
    if value in seen:
        yield Problem(path, f"{value} is {path_text(seen[value])} too; each copy has its own")
    seen.setdefault(value, path)


def _place(vault: Mapping[str, Any]) -> str:
    """Return what tells two vaults apart: the address, and for a bucket its endpoint."""
    url, endpoint = vault.get("url"), vault.get("endpoint")
    if not isinstance(url, str):
        return ""
    bucket_at = f" at {endpoint.rstrip('/')}" if isinstance(endpoint, str) and url.startswith("s3://") else ""
    return url.rstrip("/") + bucket_at
