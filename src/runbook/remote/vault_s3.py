"""A vault in a bucket: `s3://bucket/prefix`. Conditional requests make writes once and locks safe."""

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from runbook.remote.blob_seal import BlobSeal
from runbook.remote.s3 import ForbiddenError, list_prefix, s3_errors
from runbook.remote.s3_delete import delete_objects
from runbook.remote.s3_stream import S3Stream
from runbook.remote.s3_upload import PartPlan, S3Writer
from runbook.remote.vault import (
    AlreadyThereError,
    ChangedError,
    DeleteRefusedError,
    NotThereError,
    VaultObject,
    VaultWriter,
    probe_writable,
)
from runbook.remote.write_options import WriteOptions, checksum, hides_md5

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MD5 = re.compile(r"[0-9a-f]{32}\Z")


class S3Vault:
    """The objects under one prefix of one bucket."""

    def __init__(
        self,
        client: "S3Client",
        bucket: str,
        prefix: str = "",
        *,
        max_parts: int = 10_000,
        options: WriteOptions | None = None,
        seal: BlobSeal | None = None,
    ) -> None:
        """Use `client` for everything; `prefix` may be empty; write every object with `options`."""
        self.client = client
        self.bucket = bucket
        self.prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self.options = options or WriteOptions()
        self.seal = seal or BlobSeal()
        self._plan = PartPlan(max_parts=max_parts, checksums=self.options.lock is not None)

    @property
    def where(self) -> str:
        """The vault's address."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def put_bytes(self, key: str, data: bytes, *, only_if_absent: bool = False) -> str:
        """Store `data` in one request."""
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if only_if_absent else {}
        condition |= self._put_options(key, data)
        with s3_errors(self._where(key)):
            answer = self.client.put_object(
                Bucket=self.bucket, Key=self.full_key(key), Body=data, **condition
            )
        return answer["ETag"].strip('"')

    def replace_if(self, key: str, data: bytes, etag: str) -> str:
        """Store `data` if the object still has `etag`."""
        try:
            with s3_errors(self._where(key)):
                answer = self.client.put_object(
                    Bucket=self.bucket,
                    Key=self.full_key(key),
                    Body=data,
                    IfMatch=f'"{etag}"',
                    **self._put_options(key, data),
                )
        except (AlreadyThereError, NotThereError) as exc:
            raise ChangedError(
                self._where(key), "it was changed by someone else", "look again, then rerun"
            ) from exc
        return answer["ETag"].strip('"')

    def get_bytes(self, key: str) -> bytes:
        """Return the whole object."""
        return self.get_with_etag(key)[0]

    def get_with_etag(self, key: str) -> tuple[bytes, str]:
        """Return the object and its entity tag from one answer."""
        with s3_errors(self._where(key)):
            answer = self.client.get_object(Bucket=self.bucket, Key=self.full_key(key))
            with closing(answer["Body"]) as body:
                return body.read(), answer["ETag"].strip('"')

    def open(self, key: str) -> BinaryIO:
        """Return the object as a stream."""
        stored = cast("BinaryIO", S3Stream(self.client, self.bucket, self.full_key(key)))
        return self.seal.opened(key, stored, self._where(key))

    def writer(self, key: str) -> AbstractContextManager[VaultWriter]:
        """Store what is written when the block ends cleanly."""
        stored = S3Writer(
            self.client,
            self.bucket,
            self.full_key(key),
            only_if_absent=True,
            plan=self._plan,
            options=self.write_options(key),
        )
        return self.seal.writer(key, stored)

    def list(self, prefix: str) -> Iterator[VaultObject]:
        """Yield the objects under `prefix` in byte order of their keys."""
        cut = len(self.prefix)
        for seen in list_prefix(self.client, self.bucket, self.prefix + prefix):
            yield VaultObject(seen["Key"][cut:], seen["Size"], seen["ETag"].strip('"'), seen["LastModified"])

    def head(self, key: str) -> VaultObject | None:
        """Return what a listing would show for `key`."""
        try:
            with s3_errors(self._where(key)):
                seen = self.client.head_object(Bucket=self.bucket, Key=self.full_key(key))
        except NotThereError:
            return None
        return VaultObject(key, seen["ContentLength"], seen["ETag"].strip('"'), seen["LastModified"])

    def delete(self, key: str) -> None:
        """Leave no object under `key`."""
        try:
            with s3_errors(self._where(key)):
                self.client.delete_object(Bucket=self.bucket, Key=self.full_key(key))
        except ForbiddenError as exc:
            raise DeleteRefusedError(exc.where, exc.what, exc.next_step) from exc

    def delete_many(self, keys: Sequence[str]) -> dict[str, str]:
        """Leave no object under any of the keys, in one request."""
        refused = delete_objects(self.client, self.bucket, [self.full_key(key) for key in keys])
        return {key.removeprefix(self.prefix): why for key, why in refused.items()}

    def probe_writable(self, prefix: str = "") -> str | None:
        """Return if objects can be written, read back and protected."""
        return probe_writable(self, prefix)

    def content_etag(self, etag: str) -> str | None:
        """Return the MD5 when the tag is one: that of a multipart object, or of one under a KMS key, is not."""
        return etag if _MD5.match(etag) and not hides_md5(self.write_options("")) else None

    def write_options(self, key: str) -> dict[str, Any]:
        """Return the arguments with which an object under `key` is written now."""
        return self.options.of(key, datetime.now(UTC))

    def _put_options(self, key: str, data: bytes) -> dict[str, Any]:
        """Return the arguments for one put; a bucket may lock state too, by default, and then wants its checksum."""
        return self.write_options(key) | checksum(data, wanted=self.options.lock is not None)

    def full_key(self, key: str) -> str:
        """Return the key in the bucket."""
        return self.prefix + key

    def _where(self, key: str) -> str:
        return f"s3://{self.bucket}/{self.full_key(key)}"
