"""What a process that was killed has left half-written in a vault."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from runbook.domain.errors import RunbookError
from runbook.domain.locks import LEASE
from runbook.remote.s3 import s3_errors
from runbook.remote.vault import Vault
from runbook.remote.vault_file import PARTIAL, FileVault
from runbook.remote.vault_s3 import S3Vault

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import MultipartUploadTypeDef

_OLD = timedelta(days=1)
"""After which a file of a folder's vault that nobody wrote to is nobody's; all clusters of the vault share them."""


def clear_leftovers(vault: Vault, cluster: str, now: datetime) -> tuple[str, ...]:
    """Leave no upload under the cluster's prefix that began before the lock's last lease; return what was done.

    Whoever calls this holds the cluster's lock, so whoever wrote them lives no more or has lost it.
    """
    if isinstance(vault, S3Vault):
        return tuple(_abort_uploads(vault, f"{cluster}/", now - LEASE))
    if isinstance(vault, FileVault):
        return tuple(_remove_partial_files(vault, now - _OLD))
    return ()


def _abort_uploads(vault: S3Vault, prefix: str, before: datetime) -> Iterator[str]:
    place = f"s3://{vault.bucket}/{vault.full_key(prefix)}"
    try:
        for upload in _uploads(vault, vault.full_key(prefix)):
            if upload["Initiated"] < before:
                with s3_errors(place):
                    vault.client.abort_multipart_upload(
                        Bucket=vault.bucket, Key=upload["Key"], UploadId=upload["UploadId"]
                    )
                yield f"{upload['Key']}: an upload that nobody finished was aborted"
    except RunbookError as error:  # no right to, or a provider that does not know them
        yield f"{place}: uploads that nobody finished are not looked for, they cost storage: {error.what}"


def _uploads(vault: S3Vault, prefix: str) -> Iterator["MultipartUploadTypeDef"]:
    pages = vault.client.get_paginator("list_multipart_uploads")
    with s3_errors(f"s3://{vault.bucket}/{prefix}"):
        for page in pages.paginate(Bucket=vault.bucket, Prefix=prefix):
            yield from page.get("Uploads", ())


def _remove_partial_files(vault: FileVault, before: datetime) -> Iterator[str]:
    for file in sorted((vault.root / PARTIAL).glob("[0-9a-f]*")):
        with suppress(FileNotFoundError):  # whoever wrote it has just finished
            if file.stat().st_mtime >= before.timestamp():
                continue
            file.unlink()
            yield f"{file}: a file that nobody finished was removed"
