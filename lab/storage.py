"""The S3 endpoint and its two buckets."""

from typing import TYPE_CHECKING

import boto3
import httpx
from botocore.config import Config

from lab.identity import read_secret
from lab.topology import Topology
from lab.waiting import wait_until

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REGION = "us-east-1"
STORAGE_BUCKET = "registry-storage"
VAULT_BUCKET = "registry-vault"
_PAGE = 1000


def ensure_buckets(topology: Topology) -> None:
    """Leave both buckets; what is in them stays."""
    wait_until(
        lambda: why_storage_not_ready(topology), "S3 endpoint", "read the logs of the lab's s3", seconds=60
    )
    client = connect(topology)
    present = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    for bucket in (STORAGE_BUCKET, VAULT_BUCKET):
        if bucket not in present:
            client.create_bucket(Bucket=bucket)


def why_storage_not_ready(topology: Topology) -> str | None:
    """Return why the endpoint does not answer, None if it does."""
    try:
        httpx.get(f"{topology.storage_url}/moto-api/config", timeout=2, trust_env=False).raise_for_status()
    except httpx.HTTPError as error:
        return f"it does not answer ({type(error).__name__})"
    return None


def forget_everything(topology: Topology) -> None:
    """Leave both buckets, and nothing in them."""
    httpx.post(f"{topology.storage_url}/moto-api/reset", timeout=60, trust_env=False).raise_for_status()
    ensure_buckets(topology)


def empty_bucket(topology: Topology, bucket: str) -> int:
    """Leave no object in the bucket and return how many there were."""
    client = connect(topology)
    removed = 0
    for page in client.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": _PAGE}
    ):
        keys = [item["Key"] for item in page.get("Contents", [])]
        if keys:
            client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys]})
        removed += len(keys)
    return removed


def connect(topology: Topology) -> "S3Client":
    """Return a client that may do everything; the caller closes it."""
    return boto3.client(
        "s3",
        region_name=REGION,
        endpoint_url=topology.storage_url,
        aws_access_key_id=read_secret("storage-access-key"),
        aws_secret_access_key=read_secret("storage-secret-key"),
        config=Config(s3={"addressing_style": "path"}),
    )
