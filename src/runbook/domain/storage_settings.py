"""Where the registry keeps images, and whether that may be changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runbook.domain.errors import RefusedError
from runbook.domain.plans import Action, Step


@dataclass(frozen=True)
class S3Place:
    """A bucket and a folder in it; `endpoint` is empty for AWS."""

    bucket: str
    region: str
    endpoint: str = ""
    root_directory: str = ""

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.root_directory.strip('/')}".rstrip("/")


@dataclass(frozen=True)
class FilesPlace:
    """A share or a volume; the bootstrapper mounts it, no setting of the registry names it."""

    location: str

    def __str__(self) -> str:
        return self.location


def place_in(document: Mapping[str, Any]) -> S3Place | None:
    """Return the bucket that a storage document of the registry names, None if it names another kind."""
    s3 = (document.get("storage") or {}).get("s3")
    if not s3:
        return None
    return S3Place(
        bucket=s3.get("bucket", ""),
        region=s3.get("region", ""),
        endpoint=s3.get("regionendpoint") or "",
        root_directory=s3.get("rootdirectory") or "",
    )


def choose_storage_step(seen: S3Place | None, wanted: S3Place | FilesPlace, *, repositories: int) -> Step:
    """Return the step that brings the registry's storage to `wanted`; `seen` is None for another kind.

    Refuses once there are repositories: by version, a switch erases every tag or demands an exact copy of
    the images first (contract section 2.2).
    """
    if seen == wanted:
        return Step(Action.KEEP, str(wanted), "storage settings", "the registry uses it already")
    if isinstance(wanted, FilesPlace):
        return _keep_files(seen, wanted)
    if repositories:
        raise RefusedError(
            "storage",
            f"the registry keeps {repositories} repositories in {seen or 'another kind of storage'}, "
            f"the cluster file names {wanted}",
            "correct the cluster file; moving images to another storage is a migration of its own",
        )
    return Step(
        Action.CONFIGURE, str(wanted), "storage settings", "the registry is empty and uses another storage"
    )


def _keep_files(seen: S3Place | None, wanted: FilesPlace) -> Step:
    if seen is None:
        return Step(Action.KEEP, str(wanted), "storage settings", "the bootstrapper mounts it")
    raise RefusedError(
        "storage",
        f"the registry keeps images in {seen}, the cluster file names {wanted}",
        "correct the cluster file; moving images to another storage is a migration of its own",
    )
