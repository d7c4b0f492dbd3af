"""A small client of one replica: its API with basic authentication, and pushes and pulls with tokens."""

import hashlib
import json
import re
import ssl
import tomllib
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.contract.control_plane_client import wait_until

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
CONFIG = "application/vnd.docker.container.image.v1+json"


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass(frozen=True)
class RegistryClient:
    """One replica, its certificate checked with what the control plane knows of it."""

    http: httpx.Client = field(repr=False)
    user: str
    password: str = field(repr=False)

    @classmethod
    def trusting_control_plane(
        cls, url: str, plane: httpx.Client, user: str, password: str
    ) -> "RegistryClient":
        toml = tomllib.loads(plane.get("/api/ucp/config-toml").raise_for_status().text)
        authorities = "".join(each["ca_bundle"] for each in toml.get("registries", []))
        trust = ssl.create_default_context(cadata=authorities)
        http = httpx.Client(base_url=url, verify=trust, timeout=20, trust_env=False, follow_redirects=True)
        return cls(http, user, password)

    def api(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self.http.request(method, f"/api/v0{path}", auth=(self.user, self.password), **more)

    def status(self) -> int:
        return self.http.get("/_ping").status_code

    def token(self, scope: str) -> httpx.Response:
        return self.http.get(
            "/auth/token", params={"service": "dtr", "scope": scope}, auth=(self.user, self.password)
        )

    def v2(self, method: str, repository: str, path: str, **more: Any) -> httpx.Response:
        token = self.token(f"repository:{repository}:pull,push").raise_for_status().json()["token"]
        headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
        return self.http.request(method, f"/v2/{repository}/{path}", headers=headers, **more)

    def push_blob(self, repository: str, data: bytes) -> dict[str, Any]:
        begun = self.v2("POST", repository, "blobs/uploads/")
        assert begun.status_code == 202, begun.text
        token = self.token(f"repository:{repository}:pull,push").json()["token"]
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/octet-stream"}
        location = httpx.URL(begun.headers["Location"]).copy_add_param("digest", digest_of(data))
        done = self.http.put(location, content=data, headers=headers)
        assert done.status_code == 201, done.text
        return {"digest": digest_of(data), "size": len(data)}

    def push(self, repository: str, tag: str, *layers: bytes) -> str:
        """Push an image of these layers and return its digest."""
        config = json.dumps({"tag": tag, "rootfs": {"type": "layers", "diff_ids": []}}).encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, **self.push_blob(repository, config)},
            "layers": [{"mediaType": LAYER, **self.push_blob(repository, layer)} for layer in layers],
        }
        done = self.put_manifest(repository, tag, manifest)
        assert done.status_code == 201, done.text
        return str(done.headers["Docker-Content-Digest"])

    def put_manifest(self, repository: str, reference: str, manifest: dict[str, Any]) -> httpx.Response:
        headers = {"Content-Type": str(manifest["mediaType"])}
        return self.v2(
            "PUT", repository, f"manifests/{reference}", content=json.dumps(manifest), headers=headers
        )

    def pull(self, repository: str, reference: str) -> list[bytes]:
        """Return the layers of an image, each checked; fail where one is missing."""
        answer = self.v2("GET", repository, f"manifests/{reference}", headers={"Accept": MANIFEST})
        manifest = answer.raise_for_status().json()
        layers = [self.v2("GET", repository, f"blobs/{layer['digest']}") for layer in manifest["layers"]]
        contents = [layer.raise_for_status().content for layer in layers]
        assert [digest_of(content) for content in contents] == [
            layer["digest"] for layer in manifest["layers"]
        ]
        return contents

    def run_job(self, action: str) -> str:
        """Run a job and return its status at the end."""
        job = self.api("POST", "/jobs", json={"action": action})
        assert job.status_code == 202, job.text
        path = f"/jobs/{job.json()['id']}"
        return str(self._ended(path))

    def _ended(self, path: str) -> str:
        seen: list[str] = []

        def ended() -> bool:
            seen.append(self.api("GET", path).raise_for_status().json()["status"])
            return re.fullmatch("waiting|running", seen[-1]) is None

        wait_until(ended, seconds=30)
        return seen[-1]
