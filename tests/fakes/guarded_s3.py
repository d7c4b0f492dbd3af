"""An S3 endpoint with rights for each key, and with the locks of objects that S3 has and moto lacks.

moto keeps locks and refuses to delete a locked version. In front of it are added: who may do what; a lock that is
given with a multipart upload; no lock is shortened, except in governance mode by one who may. A lock with a put
needs a checksum, which moto asks of copies too, though S3 does not: those get one here.
"""

import io
import logging
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from moto.core import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from moto.s3.models import s3_backends
from pydantic import SecretStr
from werkzeug.serving import make_server

from runbook.remote.s3 import S3Settings, connect

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LIST, READ, WRITE = "s3:ListBucket", "s3:GetObject", "s3:PutObject"
DELETE, LOCK, BYPASS = "s3:DeleteObject", "s3:PutObjectRetention", "s3:BypassGovernanceRetention"
SEE_LOCKS = "s3:GetBucketObjectLockConfiguration"
EVERYTHING = frozenset({LIST, READ, WRITE, DELETE, LOCK, BYPASS, SEE_LOCKS})
ROOT = "root"
_MODE, _UNTIL = "HTTP_X_AMZ_OBJECT_LOCK_MODE", "HTTP_X_AMZ_OBJECT_LOCK_RETAIN_UNTIL_DATE"
_BYPASSES, _COPY = "HTTP_X_AMZ_BYPASS_GOVERNANCE_RETENTION", "HTTP_X_AMZ_COPY_SOURCE"
_REFUSAL = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]


@dataclass
class GuardedS3:
    """The endpoint; a key that is not in `grants` may do everything."""

    application: Application
    url: str = ""
    grants: dict[str, frozenset[str]] = field(default_factory=dict)
    refuse_extensions: bool = False  # no lock can be changed
    requests: list[str] = field(default_factory=list)  # method, path and query of each
    _clients: dict[str, "S3Client"] = field(default_factory=dict)
    _uploads: dict[str, tuple[str, str]] = field(default_factory=dict)  # the lock of each object under way

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        path, query = environ["PATH_INFO"], parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
        self.requests.append(f"{environ['REQUEST_METHOD']} {path}?{environ['QUERY_STRING']}")
        granted = self.grants.get(_who(environ), EVERYTHING)
        if not _rights(environ, query) <= granted or self._shortens(environ, path, query, granted):
            start_response("403 Forbidden", [("Content-Type", "application/xml")])
            return [_REFUSAL]
        if _COPY in environ:
            environ["HTTP_CONTENT_MD5"] = "asked of copies by moto alone"
        if "uploads" in query and _MODE in environ:
            self._uploads[path] = environ[_MODE], environ[_UNTIL]
        answer = list(self.application(environ, start_response))
        if environ["REQUEST_METHOD"] == "POST" and "uploadId" in query and path in self._uploads:
            self._key(path).lock_mode, self._key(path).lock_until = self._uploads.pop(path)
        return answer

    def settings(self, key: str = ROOT) -> S3Settings:
        """Return how the holder of `key` reaches the endpoint."""
        return S3Settings(self.url, access_key=key, secret_key=SecretStr("secret"), attempts=1)

    def client(self, key: str = ROOT) -> "S3Client":
        """Return a client of the holder of `key`, the same one each time: to make one is slow."""
        if key not in self._clients:
            self._clients[key] = connect(self.settings(key))
        return self._clients[key]

    def new_bucket(self, *, lock: bool = True) -> str:
        """Return a new bucket, with object lock unless told otherwise."""
        name = f"bucket-{secrets.token_hex(6)}"
        self.client().create_bucket(Bucket=name, ObjectLockEnabledForBucket=lock)
        return name

    def _shortens(self, environ: Environ, path: str, query: Any, granted: frozenset[str]) -> bool:
        """Tell whether a lock would end earlier than it does, by one who may not do that."""
        if environ["REQUEST_METHOD"] != "PUT" or "retention" not in query:
            return False
        if self.refuse_extensions:
            return True
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        environ["wsgi.input"] = io.BytesIO(body)
        mode, until = (_tag(body.decode(), name) for name in ("Mode", "RetainUntilDate"))
        key = self._key(path)
        if key.lock_mode == "COMPLIANCE":
            return mode != "COMPLIANCE" or until[:19] < key.lock_until[:19]
        bypasses = BYPASS in granted and environ.get(_BYPASSES) == "true"
        return bool(key.lock_mode) and until[:19] < key.lock_until[:19] and not bypasses

    @staticmethod
    def _key(path: str) -> Any:
        bucket, _, name = path.removeprefix("/").partition("/")
        return s3_backends[DEFAULT_ACCOUNT_ID]["aws"].get_object(bucket, name)


def _tag(document: str, name: str) -> str:
    return document.partition(f"<{name}>")[2].partition("<")[0]


def _who(environ: Environ) -> str:
    return environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].partition("/")[0]


def _rights(environ: Environ, query: Any) -> set[str]:
    """Return what a request needs."""
    method = environ["REQUEST_METHOD"]
    if "object-lock" in query or "versioning" in query:
        return {SEE_LOCKS} if method == "GET" else {WRITE}
    if method == "GET":
        return {LIST} if environ["PATH_INFO"].strip("/").count("/") == 0 else {READ}
    if method == "PUT" and "retention" in query:
        return {LOCK, BYPASS} if environ.get(_BYPASSES) == "true" else {LOCK}
    if method == "DELETE":
        return set() if "uploadId" in query else {DELETE}
    named = {"HEAD": {READ}, "PUT": {WRITE}, "POST": {DELETE} if "delete" in query else {WRITE}}[method]
    return named | ({LOCK} if _MODE in environ else set()) | ({READ} if _COPY in environ else set())


@contextmanager
def guarded_s3() -> Iterator[GuardedS3]:
    """Run the endpoint on 127.0.0.1."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    guarded = GuardedS3(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, guarded, threaded=True, request_handler=MotoRequestHandler)
    guarded.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield guarded
    finally:
        server.shutdown()
        thread.join()
