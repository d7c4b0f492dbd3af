"""The registry's storage: where image data lives, as objects under one root."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

from runbook.domain.snapshot import StoredObject
from runbook.remote.s3 import list_prefix, s3_errors
from runbook.remote.s3_stream import S3Stream
from runbook.remote.s3_upload import S3Writer
from runbook.remote.vault import VaultWriter

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Storage(Protocol):
    """What a snapshot reads."""

    @property
    def where(self) -> str:
        """The storage's address as an operator writes it."""

    def list_objects(self) -> Iterator[StoredObject]:
        """Yield every object in byte order of the paths, which are relative to the root directory."""

    def open(self, path: str) -> BinaryIO:
        """Return the object as a stream that the caller closes, or raise NotThereError."""

    def is_empty(self) -> bool:
        """Tell whether no object is there."""


class ObjectStorage(Storage, Protocol):
    """A storage that a restore fills object by object."""

    def put_bytes(self, path: str, data: bytes) -> str:
        """Store `data`, whatever was there, and return its entity tag."""

    def writer(self, path: str) -> AbstractContextManager[VaultWriter]:
        """Store what is written: committed on a clean exit, gone on an exception."""


class S3Storage:
    """A bucket, below the registry's root directory."""

    def __init__(self, client: "S3Client", bucket: str, root: str = "") -> None:
        """Use `client` for everything; `root` may be empty."""
        self.client = client
        self.bucket = bucket
        self.root = f"{root.strip('/')}/" if root.strip("/") else ""

    @property
    def where(self) -> str:
        """The bucket and its root directory."""
        return f"s3://{self.bucket}/{self.root}".rstrip("/")

    def list_objects(self) -> Iterator[StoredObject]:
        """Yield every object: one request per 1,000, the next page fetched ahead."""
        cut = len(self.root)
        for seen in list_prefix(self.client, self.bucket, self.root):
            yield StoredObject(seen["Key"][cut:], seen["Size"], seen["ETag"].strip('"'))

    def is_empty(self) -> bool:
        """Tell whether no object is there."""
        return next(self.list_objects(), None) is None

    def open(self, path: str) -> BinaryIO:
        """Return the object as a stream."""
        return cast("BinaryIO", S3Stream(self.client, self.bucket, self.full_key(path)))

    def put_bytes(self, path: str, data: bytes) -> str:
        """Store `data` in one request."""
        key = self.full_key(path)
        with s3_errors(f"s3://{self.bucket}/{key}"):
            answer = self.client.put_object(Bucket=self.bucket, Key=key, Body=data)
        return answer["ETag"].strip('"')

    def writer(self, path: str) -> S3Writer:
        """Store what is written when the block ends cleanly."""
        return S3Writer(self.client, self.bucket, self.full_key(path), only_if_absent=False)

    def tags_are_md5(self, path: str) -> bool:
        """Tell whether the object's entity tag can be the MD5 of its content: under a key service it is not."""
        key = self.full_key(path)
        with s3_errors(f"s3://{self.bucket}/{key}"):
            seen = self.client.head_object(Bucket=self.bucket, Key=key)
        return not (
            str(seen.get("ServerSideEncryption", "")).startswith("aws:kms") or "SSECustomerAlgorithm" in seen
        )

    def full_key(self, path: str) -> str:
        """Return the key in the bucket."""
        return self.root + path
