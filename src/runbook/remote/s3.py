"""S3: one place where a client is made, a bucket is listed and its errors become ours."""

import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    HTTPClientError,
    IncompleteReadError,
    ResponseStreamingError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.utils import parse_timestamp
from pydantic import SecretStr

from runbook.domain.errors import InvalidConfigError, RefusedError, RunbookError, UnreachableError
from runbook.remote.patience import ThrottledError, patiently
from runbook.remote.vault import AlreadyThereError, NotThereError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectTypeDef

CONNECTIONS = 72  # the most copies at once, and what lists and uploads beside them
_MISSING = {"NoSuchKey", "404", "NotFound"}
_CONFLICT = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
_SLOWER = {"SlowDown", "ThrottlingException"}
_TRY_AGAIN = {"RequestTimeout", "InternalError", *_SLOWER}
_THROTTLED = (429, 503)
_FORBIDDEN = 403
_SERVER_ERROR = 500
_UNREACHABLE = (BotoConnectionError, HTTPClientError, ConnectionClosedError, IncompleteReadError)


class ForbiddenError(RefusedError):
    """The credentials are good and lack this right."""


@dataclass(frozen=True)
class S3Settings:
    """How to reach an S3 API; without keys, the environment's own credentials are used."""

    endpoint_url: str | None = None
    region: str = "us-east-1"
    access_key: str | None = None
    secret_key: SecretStr | None = None
    ca_file: str | None = None
    attempts: int = 5


def connect(settings: S3Settings) -> "S3Client":
    """Return a thread-safe client with bounded waits and tries and no extra checksum pass."""
    session = botocore.session.get_session()
    # botocore parses each listed time with dateutil, which is most of the cost of a listing
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_parse_time)
    options: dict[str, Any] = {"verify": _trusted(settings.ca_file)} if settings.ca_file else {}
    with s3_errors(settings.endpoint_url or "s3"):
        return boto3.Session(botocore_session=session).client(
            "s3",
            endpoint_url=settings.endpoint_url,
            region_name=settings.region,
            aws_access_key_id=settings.access_key,
            aws_secret_access_key=settings.secret_key.get_secret_value() if settings.secret_key else None,
            config=_config(settings),
            **options,
        )


def _config(settings: S3Settings) -> Config:
    return Config(
        connect_timeout=5,
        read_timeout=60,
        retries={"mode": "standard", "total_max_attempts": settings.attempts},
        max_pool_connections=CONNECTIONS,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if settings.endpoint_url else "auto"},
    )


def _trusted(ca_file: str) -> str:
    """Return the path; a file that holds no certificate would look like an endpoint that is down."""
    try:
        ssl.create_default_context(cafile=ca_file)
    except OSError as exc:
        reason = "it holds no certificate" if isinstance(exc, ssl.SSLError) else str(exc.strerror)
        raise InvalidConfigError(
            f"ca_file {ca_file}", f"cannot be used: {reason}", "write the CA of the S3 endpoint there, PEM"
        ) from exc
    return ca_file


def _parse_time(value: str) -> datetime:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        parsed: datetime = parse_timestamp(value)
        return parsed


def list_prefix(client: "S3Client", bucket: str, prefix: str) -> Iterator["ObjectTypeDef"]:
    """Yield the objects under `prefix` in byte order: one request per 1,000, the next page fetched ahead."""

    def page(token: str | None) -> Any:
        options: dict[str, Any] = {"ContinuationToken": token} if token else {}
        with s3_errors(f"s3://{bucket}/{prefix}"):
            return client.list_objects_v2(Bucket=bucket, Prefix=prefix, **options)

    with ThreadPoolExecutor(1, "s3-list") as ahead:
        answer = patiently(page, None)
        while True:
            token = answer.get("NextContinuationToken") if answer.get("IsTruncated") else None
            following = ahead.submit(patiently, page, token) if token else None
            yield from answer.get("Contents", ())
            if following is None:
                return
            answer = following.result()


@contextmanager
def s3_errors(where: str) -> Iterator[None]:
    """Turn what boto3 raises inside the block into our errors, naming `where`."""
    try:
        yield
    except ClientError as exc:
        raise _from_answer(where, exc) from exc
    except (*_UNREACHABLE, ResponseStreamingError) as exc:
        raise UnreachableError(where, str(exc), "check the endpoint and the network, then rerun") from exc
    except BotoCoreError as exc:
        raise RefusedError(where, str(exc), "check the S3 settings of the cluster file") from exc


def _from_answer(where: str, exc: ClientError) -> RunbookError:
    code = str(exc.response.get("Error", {}).get("Code", ""))
    status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    message = f"S3 answered {status} {code}: {exc.response.get('Error', {}).get('Message', '')}".rstrip(": ")
    if code in _MISSING:
        return NotThereError(where, "there is no such object", "run `runbook points list`")
    if code in _CONFLICT:
        return AlreadyThereError(where, "it exists and is write-once", "choose another name")
    if status >= _SERVER_ERROR or status in _THROTTLED or code in _TRY_AGAIN:
        throttled = status in _THROTTLED or code in _SLOWER
        return (ThrottledError if throttled else UnreachableError)(
            where, message, "wait for the S3 service to recover, then rerun"
        )
    if code == "NoSuchBucket":
        return RefusedError(where, "the bucket does not exist", "make the bucket or correct its name")
    if status == _FORBIDDEN:
        return ForbiddenError(where, message, "check the keys and the rights of the S3 user on this bucket")
    return RefusedError(where, message, "check the S3 settings of the cluster file")
