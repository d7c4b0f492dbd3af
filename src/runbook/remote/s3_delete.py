"""Deletes many objects of a bucket with one request."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from runbook.domain.errors import RefusedError
from runbook.remote.s3 import s3_errors
from runbook.remote.vault import NotThereError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ErrorTypeDef


def delete_objects(client: "S3Client", bucket: str, keys: Sequence[str]) -> dict[str, str]:
    """Leave none of at most 1,000 objects; return why, for each that the bucket refuses to delete.

    UnreachableError where it was too busy for one of them: all may be asked for again.
    """
    if not keys:
        return {}
    where = f"s3://{bucket}"
    with s3_errors(where):
        answer = client.delete_objects(
            Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
        )
    found = ((error.get("Key", ""), _refusal(where, error)) for error in answer.get("Errors", []))
    return {key: why for key, why in found if why}


def _refusal(where: str, error: "ErrorTypeDef") -> str | None:
    """Return why one object was not deleted, None if it was not there."""
    code, message = error.get("Code", ""), error.get("Message", "")
    try:
        with s3_errors(where):
            raise ClientError({"Error": {"Code": code, "Message": message}}, "DeleteObjects")
    except NotThereError:
        return None
    except RefusedError:
        return f"S3 answered {code}: {message}".rstrip(": ")
