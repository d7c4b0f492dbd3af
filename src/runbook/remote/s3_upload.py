"""A stream of unknown length into one S3 object: multipart with growing parts, aborted on failure.

Parts begin at 16 MiB and double after each fifth of the permitted number of parts, so 10,000 parts
hold 970 GiB and a provider with 1,000 parts still takes 97 GiB. What is in flight is bounded by
bytes, not by parts, which keeps the memory of a long stream where it was at its beginning.
"""

import hashlib
import logging
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from runbook.domain.errors import RefusedError, RunbookError
from runbook.remote.patience import patiently
from runbook.remote.s3 import s3_errors
from runbook.remote.vault import AlreadyThereError
from runbook.remote.write_options import checksum, is_locked

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

MEBIBYTE = 1024 * 1024
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PartPlan:
    """How large part n is."""

    first_size: int = 16 * MEBIBYTE
    max_parts: int = 10_000
    in_flight: int = 32 * MEBIBYTE
    checksums: bool = False  # with each request; a bucket that locks by default takes nothing without

    def size_of(self, number: int) -> int:
        """Return the size of part `number`, counted from 1."""
        step = max(1, self.max_parts // 5)
        return self.first_size << ((number - 1) // step)


def tag_of_parts(tags: Iterable[str]) -> str:
    """Return the entity tag of an object that was uploaded in parts with these tags; "" where that is not known."""
    try:
        digests = [bytes.fromhex(tag.strip('"')) for tag in tags]
    except ValueError:
        return ""
    return f"{hashlib.md5(b''.join(digests), usedforsecurity=False).hexdigest()}-{len(digests)}"


class S3Writer:
    """One object being written; nothing of it remains when the block ends with an exception."""

    def __init__(
        self,
        client: "S3Client",
        bucket: str,
        key: str,
        *,
        only_if_absent: bool,
        plan: PartPlan | None = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        """Prepare; no request is made before the first part is full. `options` go with the object."""
        self._client, self._bucket, self._key = client, bucket, key
        self._condition: dict[str, Any] = {"IfNoneMatch": "*"} if only_if_absent else {}
        self._plan = plan or PartPlan()
        self._options = options or {}
        self._checksums = self._plan.checksums or is_locked(self._options)
        self._buffer = bytearray()
        self._upload_id = ""
        self._parts: list[CompletedPartTypeDef] = []
        self._started = 0
        self._pool = ThreadPoolExecutor(4, "s3-upload")
        self._flying: deque[tuple[int, Future[CompletedPartTypeDef]]] = deque()
        self.size = 0
        self.etag = ""

    def write(self, data: bytes, /) -> int:
        """Take all of `data`, sending parts as they fill."""
        view = memoryview(data)
        self.size += len(view)
        while view:
            room = self._plan.size_of(self._started + 1) - len(self._buffer)
            self._buffer += view[:room]
            view = view[room:]
            if room <= 0 or len(self._buffer) == self._plan.size_of(self._started + 1):
                self._send_part()
        return len(data)

    def flush(self) -> None:
        """Do nothing; parts go out when they are full."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._commit()
        except BaseException:
            self._abort()
            raise
        else:
            if kind is not None:
                self._abort()
        finally:
            self._pool.shutdown(cancel_futures=True)

    def _send_part(self) -> None:
        if not self._upload_id:
            with s3_errors(self._where):
                answer = self._client.create_multipart_upload(
                    Bucket=self._bucket, Key=self._key, **self._options
                )
            self._upload_id = answer["UploadId"]
        if self._started == self._plan.max_parts:
            what = f"after {self.size} bytes all of {self._plan.max_parts} permitted parts are used"
            raise RefusedError(
                self._where, what, "raise vault.limits.max_parts, if the provider permits more"
            )
        body, self._buffer = self._buffer, bytearray()
        self._started += 1
        while self._flying and sum(size for size, _ in self._flying) + len(body) > self._plan.in_flight:
            self._collect()
        self._flying.append((len(body), self._pool.submit(patiently, self._upload, self._started, body)))

    def _upload(self, number: int, body: bytearray) -> "CompletedPartTypeDef":
        with s3_errors(self._where):
            answer = self._client.upload_part(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=self._upload_id,
                PartNumber=number,
                Body=cast("bytes", body),
                **checksum(body, wanted=self._checksums),
            )
        return {"ETag": answer["ETag"], "PartNumber": number}

    def _collect(self) -> None:
        self._parts.append(self._flying.popleft()[1].result())

    def _commit(self) -> None:
        if not self._upload_id:
            self._put_at_once()
            return
        if self._buffer:
            self._send_part()
        while self._flying:
            self._collect()
        try:
            with s3_errors(self._where):
                answer = self._client.complete_multipart_upload(
                    Bucket=self._bucket,
                    Key=self._key,
                    UploadId=self._upload_id,
                    MultipartUpload={"Parts": self._parts},
                    **self._condition,
                )
            self.etag = answer["ETag"].strip('"')
        except RefusedError as exc:
            self.etag = self._tag_if_there(tag_of_parts(part["ETag"] for part in self._parts), exc)

    def _put_at_once(self) -> None:
        options = self._condition | self._options
        options |= checksum(self._buffer, wanted=self._checksums)
        try:
            with s3_errors(self._where):
                answer = self._client.put_object(
                    Bucket=self._bucket, Key=self._key, Body=cast("bytes", self._buffer), **options
                )
            self.etag = answer["ETag"].strip('"')
        except AlreadyThereError as exc:
            tag = hashlib.md5(self._buffer, usedforsecurity=False).hexdigest()
            self.etag = self._tag_if_there(tag, exc)

    def _tag_if_there(self, tag: str, refusal: RefusedError) -> str:
        """Return `tag` if the object has it: an answer was lost, and a second try met the first; else raise."""
        try:
            with s3_errors(self._where):
                seen = self._client.head_object(Bucket=self._bucket, Key=self._key)
        except RunbookError:
            raise refusal from None
        if not tag or seen["ETag"].strip('"') != tag:
            raise refusal
        return tag

    def _abort(self) -> None:
        """Leave no upload behind; parts still under way are awaited, or they would outlive the abort.

        What goes wrong with it never hides what went wrong before.
        """
        self._pool.shutdown(wait=True, cancel_futures=True)
        if not self._upload_id:
            return
        try:
            with s3_errors(self._where):
                self._client.abort_multipart_upload(
                    Bucket=self._bucket, Key=self._key, UploadId=self._upload_id
                )
        except RunbookError as exc:
            logger.warning("%s: its unfinished upload stays in the bucket: %s", self._where, exc.what)

    @property
    def _where(self) -> str:
        return f"s3://{self._bucket}/{self._key}"
