"""Blobs in a bucket."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from registry.blob_store import BLOBS, StoredBlob
from registry.storage_settings import InvalidStorageError

_PROBE = "docker/registry/v2/.write-check"


class S3BlobStore:
    """Blobs below a bucket's root directory."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._bucket = settings["bucket"]
        root = (settings.get("rootdirectory") or "").strip("/")
        self._root = f"{root}/" if root else ""
        self._client = _client(settings)

    def blobs(self) -> Iterator[StoredBlob]:
        """Yield every blob."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=f"{self._root}{BLOBS}/"
        )
        for page in pages:
            for item in page.get("Contents", []):
                age = (datetime.now(UTC) - item["LastModified"]).total_seconds()
                yield StoredBlob(f"sha256:{item['Key'].split('/')[-2]}", age)

    def delete(self, digest: str) -> None:
        """Leave no such blob."""
        name = digest.removeprefix("sha256:")
        self._client.delete_object(Bucket=self._bucket, Key=f"{self._root}{BLOBS}/{name[:2]}/{name}/data")

    def check(self) -> None:
        """Raise InvalidStorageError unless the bucket can be listed, written and deleted from."""
        try:
            self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._root, MaxKeys=1)
            self._client.put_object(Bucket=self._bucket, Key=self._root + _PROBE, Body=b"")
            self._client.delete_object(Bucket=self._bucket, Key=self._root + _PROBE)
        except (ClientError, BotoCoreError, ValueError) as exc:
            raise InvalidStorageError(f"s3 bucket {self._bucket}: {exc}") from exc


def _client(settings: dict[str, Any]) -> Any:
    endpoint = settings.get("regionendpoint") or None
    secure = settings.get("secure", True)
    if endpoint and "://" not in endpoint:
        endpoint = f"{'https' if secure else 'http'}://{endpoint}"
    return boto3.client(
        "s3",
        region_name=settings["region"],
        endpoint_url=endpoint,
        use_ssl=secure,
        verify=False if settings.get("skipverify") else None,
        aws_access_key_id=settings.get("accesskey") or None,
        aws_secret_access_key=settings.get("secretkey") or None,
        config=Config(
            connect_timeout=3, read_timeout=10, retries={"max_attempts": 1}, s3={"addressing_style": "path"}
        ),
    )
