"""Where the registry keeps image data."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ModelWrapValidatorHandler, model_validator

from blocks.problems import Problem, validated
from blocks.s3_access import S3Access
from blocks.ssh_access import Plain
from runbook.domain.commands import StorageChoice, StorageKind
from runbook.domain.storage_settings import FilesPlace, S3Place
from runbook.remote.s3 import connect
from runbook.remote.ssh import SshConnection
from runbook.remote.storage import S3Storage
from runbook.remote.storage_tree import FolderStorage, TreeStorage
from runbook.remote.storage_volume import VolumeStorage

KINDS = ("s3", "nfs", "volume")
NFS_PORT = 2049
Ssh = Callable[[str], SshConnection]


class S3Settings(S3Access):
    """A bucket that all replicas share."""

    bucket: str = Field(min_length=3, description="Bucket of the registry's images")
    region: str = Field(min_length=1, description="Region of the bucket")
    root_directory: str = Field(default="", description="Prefix of the registry's tree in the bucket")

    def place(self) -> S3Place:
        """Return the bucket and folder, without keys."""
        return S3Place(self.bucket, self.region, self.endpoint or "", self.root_directory)

    def connect(self, _ssh: Ssh) -> S3Storage:
        """Return the bucket with its keys."""
        return S3Storage(connect(self.reached_in(self.region)), self.bucket, self.root_directory)


def _absolute(path: str) -> str:
    if not path.startswith("/") or path.strip("/") == "" or ".." in path.split("/"):
        raise ValueError("must be an absolute path, such as /mnt/registry")
    return path.rstrip("/")


class NfsSettings(BaseModel):
    """An NFS share that the registry mounts on each of its nodes, and that is mounted once more for the runbooks."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(
        pattern=r"^nfs://[A-Za-z0-9_.:\[\]-]+/\S+$",
        description="nfs://HOST/EXPORT, as the vendor's flag has it",
    )
    path: Annotated[str, AfterValidator(_absolute)] = Field(
        description="Where the share is mounted on `node`, or on the machine that runs the runbooks"
    )
    node: Plain | None = Field(
        default=None,
        description="Node that is asked over SSH; left out: the share is mounted on this machine",
    )
    options: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_=,.:/-]+$",
        description="Mount options verbatim, such as rw,nfsvers=4; 2.6.0 and later",
    )

    @property
    def server(self) -> tuple[str, int]:
        """Host and port of the share."""
        host = urlsplit(self.url).hostname or ""
        found = re.search(r"(?:^|,)port=([0-9]+)", self.options or "")
        return host, int(found[1]) if found else NFS_PORT

    def place(self) -> FilesPlace:
        """Return the share."""
        return FilesPlace(self.url)

    def connect(self, ssh: Ssh) -> TreeStorage:
        """Return the share as it is mounted here or on the node."""
        node = self.node
        if node is None:
            return FolderStorage(self.path)
        return TreeStorage(lambda: ssh(node), lambda: self.path, f"{node}:{self.path}")


class VolumeSettings(BaseModel):
    """The registry's own volume on the node of its only replica."""

    model_config = ConfigDict(extra="forbid")

    node: Plain = Field(description="Node of the replica; it is asked over SSH")
    name: str | None = Field(
        default=None,
        pattern=r"^(/[A-Za-z0-9_./-]*[A-Za-z0-9_-]|[A-Za-z0-9][A-Za-z0-9_.-]+)$",
        description="Volume, or absolute folder of the node; left out: the replica's own volume",
    )

    def place(self) -> FilesPlace:
        """Return the node's volume."""
        return FilesPlace(f"{self.node}:{self.name}" if self.name else f"the volume on {self.node}")

    def connect(self, ssh: Ssh) -> VolumeStorage:
        """Return the volume of the replica that is on the node."""
        return VolumeStorage(lambda: ssh(self.node), self.node, self.name)


class StorageSettings(BaseModel):
    """Exactly one kind; high availability needs one that all replicas share."""

    model_config = ConfigDict(extra="forbid")

    s3: S3Settings | None = None
    nfs: NfsSettings | None = None
    volume: VolumeSettings | None = None

    @model_validator(mode="wrap")
    @classmethod
    def _exactly_one(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return validated(handler, data, _kinds(data))

    @property
    def used(self) -> S3Settings | NfsSettings | VolumeSettings:
        """The kind that is given."""
        used = self.s3 or self.nfs or self.volume
        assert used  # it was validated
        return used

    @property
    def choice(self) -> StorageChoice:
        """What the bootstrapper is told: a bucket is set later, and a volume without a name it makes by itself."""
        if self.nfs:
            return StorageChoice(StorageKind.NFS, self.nfs.url, self.nfs.options)
        if self.volume and self.volume.name:
            return StorageChoice(StorageKind.VOLUME, self.volume.name)
        return StorageChoice()

    def described(self) -> dict[str, Any]:
        """Return what a restore must match; no secret."""
        if self.s3:
            return self.s3.model_dump(exclude={"access_key", "secret_key", "ca_file"})
        return self.model_dump(exclude_none=True)


def _kinds(data: Any) -> Iterator[Problem]:
    if isinstance(data, Mapping) and sum(data.get(kind) is not None for kind in KINDS) != 1:
        yield Problem((), "give exactly one of s3, nfs and volume")
