"""What a client of the control plane has at hand: its URL, a password, a CA, and later a bundle."""

import io
import json
import os
import ssl
import subprocess
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import docker
import httpx
from docker.tls import TLSConfig

IMAGE = os.environ.get("RUNBOOK_TEST_UCP_IMAGE", "lab/dtr:2.9.29")
ADMIN = "admin"
SECONDS = 60
PREFIX = "cp-contract-"  # of every container and volume that these tests make


def wait_until(condition: Callable[[], bool], *, seconds: float) -> None:
    """Return once the condition holds; fail at the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.2)


@dataclass(frozen=True)
class Plane:
    """The control plane under test, and an administrator's bundle."""

    url: str
    password: str
    ca_file: Path
    bundle: Path
    http: httpx.Client = field(repr=False)

    @classmethod
    def log_in(cls, url: str, password: str, ca_file: Path, bundle: Path) -> "Plane":
        """Log in as the administrator and fetch a bundle."""
        trust = ssl.create_default_context(cafile=str(ca_file))
        http = httpx.Client(base_url=url, verify=trust, timeout=SECONDS, trust_env=False)
        answer = http.post("/auth/login", json={"username": ADMIN, "password": password})
        http.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['auth_token']}"
        content = http.get("/api/clientbundle").raise_for_status().content
        zipfile.ZipFile(io.BytesIO(content)).extractall(bundle)
        return cls(url, password, ca_file, bundle, http)

    def anonymous(self) -> httpx.Client:
        """Return a client that shows no credentials."""
        trust = ssl.create_default_context(cafile=str(self.ca_file))
        return httpx.Client(base_url=self.url, verify=trust, timeout=SECONDS, trust_env=False)

    @property
    def address(self) -> str:
        """Host and port."""
        split = urlsplit(self.url)
        return f"{split.hostname}:{split.port or 443}"

    def sdk(self) -> docker.APIClient:
        """Return the Docker SDK on the bundle."""
        pair = (str(self.bundle / "cert.pem"), str(self.bundle / "key.pem"))
        tls = TLSConfig(client_cert=pair, ca_cert=str(self.bundle / "ca.pem"), verify=True)
        client = docker.APIClient(
            base_url=f"https://{self.address}", version="1.41", tls=tls, timeout=SECONDS
        )
        client.trust_env = False
        return client

    def environment(self) -> dict[str, str]:
        """Return what `env.sh` of the bundle sets."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.bundle),
            "DOCKER_TLS_VERIFY": "1",
            "DOCKER_CERT_PATH": str(self.bundle),
            "DOCKER_HOST": f"tcp://{self.address}",
        }

    def cli(self, *args: str, data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        """Run the docker client on the bundle."""
        stdin: Mapping[str, Any] = {"stdin": subprocess.DEVNULL} if data is None else {"input": data}
        env = self.environment()
        return subprocess.run(
            ["docker", *args], env=env, capture_output=True, check=False, timeout=120, **stdin
        )

    def nodes(self) -> tuple[str, str]:
        """Return the names of a manager and of the last worker, a lab's spare node."""
        seen = self.http.get("/nodes").raise_for_status().json()
        found = sorted((bool(node.get("ManagerStatus")), node["Description"]["Hostname"]) for node in seen)
        workers = [name for is_manager, name in found if not is_manager]
        return found[-1][1], workers[-1]

    def create(self, name: str, constraint: str, *command: str, **more: Any) -> httpx.Response:
        """Ask for a container."""
        body = {
            "Image": IMAGE,
            "Entrypoint": list(command),
            "Cmd": [],
            "Env": [f"constraint:{constraint}"],
            **more,
        }
        return self.http.post("/containers/create", params={"name": name}, json=body)

    def names(self, prefix: str) -> list[str]:
        """Return the names of all containers, stopped ones too, that match."""
        query = {"all": "1", "filters": json.dumps({"name": [prefix]})}
        seen = self.http.get("/containers/json", params=query).raise_for_status().json()
        return sorted(name for container in seen for name in container["Names"])
