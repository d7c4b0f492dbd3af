"""An S3 endpoint that asks who is there, as the lab's does not: for vaults that refuse."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import boto3
import httpx
from moto.server import ThreadedMotoServer

BUCKET = "guarded-vault"
_NEVER = 10**9  # requests after which somebody is asked
_MAY_READ = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetObject"], "Resource": "*"}],
}


@dataclass(frozen=True)
class GuardedEndpoint:
    """Where it is, and the keys of a user who may read and not write."""

    url: str
    access_key: str
    secret_key: str


@contextmanager
def guarded_endpoint() -> Iterator[GuardedEndpoint]:
    """Run an endpoint with a bucket and one user; every request must be signed by one who may."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        access_key, secret_key = _prepare(url)
        _ask_who_is_there(url, after=0)
        yield GuardedEndpoint(url, access_key, secret_key)
    finally:
        _ask_who_is_there(url, after=_NEVER)
        server.stop()


def _prepare(url: str) -> tuple[str, str]:
    """Leave the bucket and a user who may read it; return the user's keys."""
    httpx.post(f"{url}/moto-api/reset", trust_env=False).raise_for_status()  # all of this process are one
    account = {"region_name": "us-east-1", "aws_access_key_id": "root", "aws_secret_access_key": "root"}
    storage, identities = (boto3.client(name, endpoint_url=url, **account) for name in ("s3", "iam"))
    try:
        storage.create_bucket(Bucket=BUCKET)
        identities.create_user(UserName="reader")
        identities.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=json.dumps(_MAY_READ))
        key = identities.create_access_key(UserName="reader")["AccessKey"]
    finally:
        storage.close()
        identities.close()
    return key["AccessKeyId"], key["SecretAccessKey"]


def _ask_who_is_there(url: str, *, after: int) -> None:
    """Let the endpoint check signatures and rights once it has answered `after` more requests."""
    httpx.post(f"{url}/moto-api/reset-auth", content=str(after).encode(), trust_env=False).raise_for_status()
