"""Reading one S3 object as a stream that survives a cut connection."""

import io
from typing import TYPE_CHECKING

from runbook.domain.errors import UnreachableError
from runbook.remote.s3 import s3_errors

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client

RESUMES = 5


class S3Stream(io.RawIOBase):
    """The object's bytes in order; a connection that breaks is resumed where it broke."""

    def __init__(self, client: "S3Client", bucket: str, key: str) -> None:
        """Make the first request, so that a missing object is known at once."""
        super().__init__()
        self._client, self._bucket, self._key = client, bucket, key
        self._position = 0
        self._resumes = RESUMES
        self._etag = ""
        self._body = self._request()

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Fill some of `buffer`; 0 at the end."""
        with memoryview(buffer).cast("B") as view:
            data = self._next(len(view))
            view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        """Give the connection back."""
        if not self.closed:
            self._body.close()
        super().close()

    def _next(self, size: int) -> bytes:
        while True:
            try:
                with s3_errors(self._where):
                    return self._body.read(size)
            except UnreachableError:
                if not self._resumes:
                    raise
                self._resumes -= 1
                self._body.close()
                self._body = self._request()

    def _request(self) -> "StreamingBody":
        with s3_errors(self._where):
            if not self._etag:
                answer = self._client.get_object(Bucket=self._bucket, Key=self._key)
            else:
                answer = self._client.get_object(
                    Bucket=self._bucket, Key=self._key, Range=f"bytes={self._position}-", IfMatch=self._etag
                )
        self._etag = answer["ETag"]
        return answer["Body"]

    @property
    def _where(self) -> str:
        return f"s3://{self._bucket}/{self._key}"
