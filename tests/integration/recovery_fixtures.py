"""A real S3 API on 127.0.0.1 that counts its requests, and vaults of both kinds."""

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from moto.server import ThreadedMotoServer
from pydantic import SecretStr

from runbook.remote.s3 import S3Settings, connect

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass
class Endpoint:
    """Where the API listens, and a client for it."""

    settings: S3Settings
    client: "S3Client"
    requests: list[str] = field(default_factory=list)

    def new_bucket(self) -> str:
        name = f"bucket-{secrets.token_hex(6)}"
        self.client.create_bucket(Bucket=name)
        return name

    def count(self, client: "S3Client") -> "S3Client":
        """Note the operation of each request that `client` sends."""

        def note(model: Any, **_: Any) -> None:
            self.requests.append(model.name)

        client.meta.events.register("before-call.s3", note)
        return client


@contextmanager
def s3_endpoint() -> Iterator[Endpoint]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        settings = S3Settings(f"http://{host}:{port}", access_key="lab", secret_key=SecretStr("lab-secret"))
        yield Endpoint(settings, connect(settings))
    finally:
        server.stop()
