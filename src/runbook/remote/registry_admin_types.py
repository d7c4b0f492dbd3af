"""What the registry's administration API answers, typed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

_UNENDED = {"waiting", "running", "cancel_request"}


@dataclass(frozen=True)
class ClusterStatus:
    """What the registry says of its replicas; health is what each last wrote of itself, and may be old."""

    health: Mapping[str, str]  # replica id -> "OK" or why not
    reported_at: Mapping[str, str]
    read_only: Mapping[str, bool]
    issues: tuple[str, ...]  # of the database
    gc_lock_holder: str


@dataclass(frozen=True)
class RegistrySettings:
    """The settings that live in metadata; `all` is the whole document."""

    host: str
    replica_id: str  # of the replica that answered
    nodes: Mapping[str, str]  # replica id -> node: the best list of members
    read_only: bool
    all: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class S3StorageSettings:
    """A bucket as the registry's storage settings name it; without keys the nodes' own role is used."""

    bucket: str
    region: str
    endpoint: str = ""
    root_directory: str = ""
    access_key: str = ""
    secret_key: SecretStr = SecretStr("")
    secure: bool = True

    def to_document(self) -> dict[str, Any]:
        """Return the document that the API takes."""
        s3: dict[str, Any] = {
            "rootdirectory": self.root_directory,
            "region": self.region,
            "regionendpoint": self.endpoint,
            "bucket": self.bucket,
            "secure": self.secure,
        }
        if self.access_key:
            s3 |= {"accesskey": self.access_key, "secretkey": self.secret_key.get_secret_value()}
        return {
            "storage": {
                "delete": {"enabled": True},
                "maintenance": {"readonly": {"enabled": False}},
                "s3": s3,
            }
        }


@dataclass(frozen=True)
class Repository:
    """A repository and what is set for it."""

    namespace: str
    name: str
    visibility: str
    short_description: str
    immutable_tags: bool
    scan_on_push: bool

    @property
    def full_name(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Job:
    """A job of the registry."""

    id: str
    action: str
    status: str

    @property
    def ended(self) -> bool:
        """True when it neither runs nor waits to."""
        return self.status not in _UNENDED
