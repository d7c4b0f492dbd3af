"""Copying one object between storage and vault: by the S3 server where both are its own, else streamed and hashed."""

import hashlib
import logging
import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, TypeGuard

from runbook.domain.errors import MismatchError
from runbook.remote.pace import Pace, unlimited
from runbook.remote.s3 import ForbiddenError, s3_errors
from runbook.remote.vault import AlreadyThereError, ChangedError, VaultWriter

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CHUNK = 1024 * 1024
GIBIBYTE = 1024**3
_MD5 = re.compile(r"[0-9a-f]{32}\Z")
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wanted:
    """What is to be copied: from where, to where, and what is known of it."""

    source: str
    target: str
    size: int
    etag: str = ""  # the source's entity tag
    digest: str | None = None


@dataclass(frozen=True)
class Copied:
    """What is now at the target."""

    etag: str
    sha256: str = ""  # known where the bytes were streamed


class Copier(Protocol):
    """Copies objects of one source to one target."""

    def copy(self, wanted: Wanted) -> Copied:
        """Leave the object at its target, or raise and leave nothing."""


class Readable(Protocol):
    """A storage or a vault to copy from."""

    def open(self, name: str, /) -> BinaryIO:
        """Return the object as a stream."""


class Writable(Protocol):
    """A storage or a vault to copy to."""

    @property
    def where(self) -> str:
        """Its address."""

    def writer(self, name: str, /) -> AbstractContextManager[VaultWriter]:
        """Store what is written on a clean exit."""


class InBucket(Protocol):
    """A storage or a vault that is a bucket."""

    client: "S3Client"
    bucket: str

    def full_key(self, name: str, /) -> str:
        """Return the key in the bucket."""


def copier_between(source: Readable, target: Writable, pace: Pace = unlimited) -> Copier:
    """Return the cheapest way to copy from `source` to `target`; `pace` is that of bytes which are streamed."""
    streamed = StreamedCopier(source, target, pace)
    if _in_bucket(source) and _in_bucket(target) and _one_server(source, target):
        return CheapestCopier(ServerSideCopier(source, target), streamed)
    return streamed


def _in_bucket(end: object) -> TypeGuard[InBucket]:
    return all(hasattr(end, name) for name in ("client", "bucket", "full_key"))


def _one_server(source: InBucket, target: InBucket) -> bool:
    return bool(source.client.meta.endpoint_url == target.client.meta.endpoint_url)


def is_md5(etag: str) -> bool:
    """Tell whether an S3 entity tag is the MD5 of the content: a multipart object's is not."""
    return _MD5.match(etag) is not None


class StreamedCopier:
    """Reads here, hashes, writes there."""

    def __init__(self, source: Readable, target: Writable, pace: Pace = unlimited) -> None:
        """Copy from `source` to `target`, no faster than `pace`."""
        self._source, self._target, self._pace = source, target, pace

    def copy(self, wanted: Wanted) -> Copied:
        """Copy in constant memory; nothing is committed unless size and digest are right."""
        with self._source.open(wanted.source) as stream:
            return carry(wanted, stream, self._target, self._pace)


def carry(wanted: Wanted, stream: BinaryIO, target: Writable, pace: Pace = unlimited) -> Copied:
    """Store the stream as the object that is wanted, hashed on its way; else raise and leave nothing."""
    with target.writer(wanted.target) as sink:
        sha256 = pour(wanted, stream, sink, f"{target.where}/{wanted.target}", pace)
    return Copied(sink.etag, sha256)


def pour(wanted: Wanted, stream: BinaryIO, sink: VaultWriter, where: str, pace: Pace = unlimited) -> str:
    """Return the digest of what went into `sink`, in constant memory; raise if it is not what is wanted."""
    digest = hashlib.sha256()
    while data := stream.read(CHUNK):
        digest.update(data)
        sink.write(data)
        pace(len(data))
    check_copied(where, wanted, sink.size, digest.hexdigest())
    return digest.hexdigest()


def check_copied(where: str, wanted: Wanted, size: int, sha256: str) -> None:
    """Return if what was carried is what was listed and named, else MismatchError."""
    if size != wanted.size:
        what = f"{wanted.source} has {size} bytes and was listed with {wanted.size}"
        raise MismatchError(where, what, "find out what changes or cuts the object, then rerun")
    if wanted.digest not in {None, f"sha256:{sha256}"}:
        what = f"{wanted.source} hashes to sha256:{sha256}, not to {wanted.digest}"
        raise MismatchError(where, what, "the object is damaged where it came from; push the image again")


class ServerSideCopier:
    """Lets the S3 server copy: one request for an object up to 5 GiB, no byte through this machine."""

    def __init__(self, source: InBucket, target: InBucket, *, part: int = 5 * GIBIBYTE) -> None:
        """Copy from `source` to `target` with the target's credentials; `part` is the most for one request."""
        self._source, self._target, self._part = source, target, part

    def copy(self, wanted: Wanted) -> Copied:
        """Have the server copy the object as it was listed."""
        try:
            etag = self._copy_parts(wanted) if wanted.size > self._part else self._copy_at_once(wanted)
        except AlreadyThereError as exc:
            raise ChangedError(exc.where, f"{wanted.source} is no longer what was listed", "rerun") from exc
        if wanted.etag and is_md5(etag) and is_md5(wanted.etag) and etag != wanted.etag:
            what = f"the copy of {wanted.source} has the entity tag {etag}, the source {wanted.etag}"
            raise MismatchError(self._where(wanted), what, "ask the storage's operator, then rerun")
        return Copied(etag)

    def _copy_at_once(self, wanted: Wanted) -> str:
        with s3_errors(self._where(wanted)):
            answer = self._target.client.copy_object(**self._ends(wanted))
        return answer["CopyObjectResult"]["ETag"].strip('"')

    def _copy_parts(self, wanted: Wanted) -> str:
        client, ends = self._target.client, self._ends(wanted)
        name = {"Bucket": ends["Bucket"], "Key": ends["Key"]}
        with s3_errors(self._where(wanted)):
            upload = client.create_multipart_upload(**name)["UploadId"]
            try:
                parts = [
                    self._copy_part(ends | {"UploadId": upload}, number, start, wanted.size)
                    for number, start in enumerate(range(0, wanted.size, self._part), 1)
                ]
                answer = client.complete_multipart_upload(
                    **name, UploadId=upload, MultipartUpload={"Parts": parts}
                )
            except BaseException:
                client.abort_multipart_upload(**name, UploadId=upload)
                raise
        return answer["ETag"].strip('"')

    def _copy_part(self, ends: dict[str, Any], number: int, start: int, size: int) -> Any:
        last = min(start + self._part, size) - 1
        answer = self._target.client.upload_part_copy(
            **ends, PartNumber=number, CopySourceRange=f"bytes={start}-{last}"
        )
        return {"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]}

    def _ends(self, wanted: Wanted) -> dict[str, Any]:
        source = {"Bucket": self._source.bucket, "Key": self._source.full_key(wanted.source)}
        ends = {
            "Bucket": self._target.bucket,
            "Key": self._target.full_key(wanted.target),
            "CopySource": source,
        }
        return ends | ({"CopySourceIfMatch": f'"{wanted.etag}"'} if wanted.etag else {})

    def _where(self, wanted: Wanted) -> str:
        return f"s3://{self._target.bucket}/{self._target.full_key(wanted.target)}"


class CheapestCopier:
    """Server-side until the server refuses the target's credentials the source; from then on streamed."""

    def __init__(self, server_side: Copier, streamed: Copier) -> None:
        """Begin with `server_side`."""
        self._copier, self._streamed = server_side, streamed

    def copy(self, wanted: Wanted) -> Copied:
        """Copy in the cheapest way that is permitted."""
        tried = self._copier
        try:
            return tried.copy(wanted)
        except ForbiddenError as exc:
            if tried is self._streamed:
                raise
            logger.warning("%s: copying by the server is not permitted, so data is streamed", exc.where)
            self._copier = self._streamed
            return self._streamed.copy(wanted)
