"""The S3 API that both sides of a row talk to: a process of its own, ended with the block."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from bench.ports import free_port, wait_for_port
from bench.s3_access import KEY, SECRET, client_of
from bench.s3_moto import COUNT

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

COUNTING, DISCARDING = "bench.s3_moto", "bench.s3_discarding"


@dataclass(frozen=True)
class Endpoint:
    """Where it listens."""

    url: str

    def client(self) -> "S3Client":
        """Return a client with this project's settings."""
        return client_of(self.url)

    def bucket(self, name: str) -> str:
        """Leave a new bucket."""
        self.client().create_bucket(Bucket=name)
        return name

    def count(self) -> int:
        """Return how many requests came since this was last asked; only the counting one can tell."""
        answer: int = httpx.get(self.url + COUNT).json()
        return answer

    def for_rclone(self) -> dict[str, str]:
        """Return the variables that make `s3:` this endpoint, as rclone's page on S3 says."""
        return {
            "RCLONE_CONFIG_S3_TYPE": "s3",
            "RCLONE_CONFIG_S3_PROVIDER": "Other",
            "RCLONE_CONFIG_S3_ENDPOINT": self.url,
            "RCLONE_CONFIG_S3_ACCESS_KEY_ID": KEY,
            "RCLONE_CONFIG_S3_SECRET_ACCESS_KEY": SECRET,
            "RCLONE_CONFIG": "/dev/null",
        }

    def for_aws(self) -> dict[str, str]:
        """Return the variables with which the aws command line logs in."""
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": "/dev/null",
        }


@contextmanager
def endpoint(program: str) -> Iterator[Endpoint]:
    """Serve S3 until the block ends."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", program, str(port)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    try:
        wait_for_port(port, program)
        yield Endpoint(f"http://127.0.0.1:{port}")
    finally:
        server.kill()
        server.wait()
