"""The registry as its users see it: push, pull and prove images through one URL; probe one replica."""

import hashlib
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin

import httpx
from pydantic import SecretStr

from runbook.domain.errors import MismatchError
from runbook.remote.registry_auth import TokenAuth
from runbook.remote.registry_http import (
    NotFoundError,
    address_of,
    client,
    http_errors,
    refuse_bad_answer,
    trusting,
    trusting_anyone,
)
from runbook.remote.registry_images import (
    MANIFEST_TYPES,
    Image,
    Named,
    PulledImage,
    digest_of,
    named_by,
    refuse_schema_1,
)

_CHUNK = 1024 * 1024
_PING_TIMEOUT = 5.0


class Registry:
    """The Docker Registry API at one URL, with token authentication."""

    def __init__(self, url: str, ca_pem: str | None, user: str, password: SecretStr) -> None:
        """Reach it at `url`, trusting `ca_pem` besides the system's authorities."""
        self.url = url.rstrip("/")
        self._http = client(self.url, trusting(ca_pem))
        self._auth = TokenAuth(self._http, user, password)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def push_image(self, reference: str, image: Image) -> str:
        """Leave the image under `ns/repo:tag` and return its digest; blobs that are there are not sent."""
        repository, tag = _split(reference)
        for digest, data in image.blobs.items():
            if not self._has_blob(repository, digest):
                self._push_blob(repository, digest, data)
        path = f"/v2/{repository}/manifests/{tag}"
        headers = {"Content-Type": image.media_type}
        self._call("PUT", path, _push(repository), content=image.manifest, headers=headers)
        return image.digest

    def pull_image(self, reference: str) -> PulledImage:
        """Read `ns/repo:tag` or `ns/repo@digest` to the last byte; MismatchError where one is not what it should be.

        A list is pulled with all its images; layers that no registry keeps are counted and left out. Raises
        NotByDigestError for images of schema 1. Memory does not grow with the size of layers.
        """
        repository, name = _split(reference)
        digest, media_type, manifest = self._manifest(repository, name)
        blobs: dict[str, int] = {}
        waiting, elsewhere = [manifest], 0
        while waiting:
            named = self._named(f"{self.url}/{reference}", waiting.pop())
            elsewhere += named.elsewhere
            waiting.extend(self._manifest(repository, child)[2] for child in named.manifests)
            for blob, size in named.blobs.items():
                if blob not in blobs:
                    self._read_blob(repository, blob, size)
                    blobs[blob] = size
        return PulledImage(digest, media_type, manifest, blobs, elsewhere)

    def head_manifest(self, reference: str) -> str | None:
        """Return the digest that a reference leads to, None if there is no such manifest."""
        repository, name = _split(reference)
        path = f"/v2/{repository}/manifests/{name}"
        try:
            response = self._call("HEAD", path, _pull(repository), headers=_ACCEPT)
        except NotFoundError:
            return None
        return str(response.headers.get("docker-content-digest", "")) or None

    def list_tags(self, repository: str) -> tuple[str, ...]:
        """Return the tags of a repository."""
        response = self._call("GET", f"/v2/{repository}/tags/list", _pull(repository))
        return tuple(sorted(response.json().get("tags") or ()))

    def _manifest(self, repository: str, name: str) -> tuple[str, str, bytes]:
        path = f"/v2/{repository}/manifests/{name}"
        response = self._call("GET", path, _pull(repository), headers=_ACCEPT)
        refuse_schema_1(f"{self.url}{path}", response.headers.get("content-type", ""))
        digest = digest_of(response.content)
        wanted = name if name.startswith("sha256:") else response.headers.get("docker-content-digest", digest)
        if digest != wanted:
            self._mismatch(path, f"its manifest hashes to {digest}, not to {wanted}")
        return digest, response.headers.get("content-type", ""), response.content

    def _named(self, where: str, manifest: bytes) -> Named:
        try:
            return named_by(manifest)
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise MismatchError(
                where, f"its manifest cannot be read: {exc!r}", "push the image again"
            ) from exc

    def _read_blob(self, repository: str, digest: str, size: int) -> None:
        path = f"/v2/{repository}/blobs/{digest}"
        seen, count = hashlib.sha256(), 0
        response = self._open("GET", path, _pull(repository))
        try:
            with http_errors(f"{self.url}{path}"):
                for data in response.iter_raw(_CHUNK):
                    seen.update(data)
                    count += len(data)
        finally:
            response.close()
        if count != size or f"sha256:{seen.hexdigest()}" != digest:
            what = f"it has {count} bytes that hash to sha256:{seen.hexdigest()}; {size} bytes were to be"
            self._mismatch(path, what)

    def _has_blob(self, repository: str, digest: str) -> bool:
        try:
            self._call("HEAD", f"/v2/{repository}/blobs/{digest}", _push(repository))
        except NotFoundError:
            return False
        return True

    def _push_blob(self, repository: str, digest: str, data: bytes) -> None:
        path, scope = f"/v2/{repository}/blobs/uploads/", _push(repository)
        begun = self._call("POST", path, scope)
        place = httpx.URL(urljoin(f"{self.url}{path}", begun.headers["location"]))
        headers = {"Content-Type": "application/octet-stream"}
        self._call("PUT", place.copy_merge_params({"digest": digest}), scope, content=data, headers=headers)

    def _call(self, method: str, path: str | httpx.URL, scope: str, **options: Any) -> httpx.Response:
        response = self._open(method, path, scope, **options)
        with http_errors(address_of(response.request)):
            response.read()
        return response

    def _open(self, method: str, path: str | httpx.URL, scope: str, **options: Any) -> httpx.Response:
        """Return a good answer, its body unread."""
        response = self._auth.send(self._http.build_request(method, path, **options), scope)
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            where = address_of(response.request)
            with http_errors(where):
                response.read()
            refuse_bad_answer(where, response)
        return response

    def _mismatch(self, path: str, what: str) -> None:
        raise MismatchError(f"{self.url}{path}", what, "restore the image, or push it again")


def ping(
    address: str,
    *,
    port: int = 443,
    path: str = "/_ping",
    server_name: str | None = None,
    ca_pem: str | None = None,
) -> str | None:
    """Return why the replica at a node's address is not healthy, None if it is.

    `server_name` is the external URL's host. Without a CA the certificate is not checked: a probe sends no secret.
    """
    url = f"https://{address}:{port}"
    context = trusting(ca_pem) if ca_pem else trusting_anyone()
    with client(url, context, server_name=server_name, connects=1) as http:
        try:
            response = http.get(path, timeout=_PING_TIMEOUT)
        except httpx.TransportError as exc:
            return f"{url}{path} does not answer: {exc or type(exc).__name__}"
    if response.status_code == HTTPStatus.OK:
        return None
    return f"{url}{path} answers {response.status_code}: {_why(response)}"


def _why(response: httpx.Response) -> str:
    try:
        answer = response.json()
        return str(answer.get("Error") or answer.get("error") or response.reason_phrase)
    except (ValueError, AttributeError):
        return response.reason_phrase


_ACCEPT = {"Accept": ", ".join(MANIFEST_TYPES)}


def _split(reference: str) -> tuple[str, str]:
    """Return repository and tag or digest of `ns/repo:tag` or `ns/repo@digest`."""
    repository, at, digest = reference.partition("@")
    if at:
        return repository, digest
    repository, colon, tag = reference.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (reference, "latest")


def _pull(repository: str) -> str:
    return f"repository:{repository}:pull"


def _push(repository: str) -> str:
    return f"repository:{repository}:pull,push"
