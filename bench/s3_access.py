"""The keys of the S3 API that both sides talk to."""

from typing import TYPE_CHECKING

from pydantic import SecretStr

from runbook.remote.s3 import S3Settings, connect

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY, SECRET = "bench", "bench-secret"


def client_of(url: str) -> "S3Client":
    """Return a client with this project's settings."""
    return connect(S3Settings(url, access_key=KEY, secret_key=SecretStr(SECRET)))
