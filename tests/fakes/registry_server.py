"""A registry that holds state and refuses what it does not know, over real TLS on 127.0.0.1."""

import base64
import hashlib
import ipaddress
import json
import re
import ssl
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "admin", "correct horse"


class RegistryServer(ThreadingHTTPServer):
    """Blobs, manifests and what the administration API keeps."""

    daemon_threads = True

    def __init__(self, name: str | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.ca_pem, key_pem = _certificate(name)
        self.socket = _context(self.ca_pem, key_pem).wrap_socket(self.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server_port}"
        self.realm = f"{self.url}/auth/token"
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[tuple[str, str], tuple[str, bytes]] = {}
        self.repositories: list[dict[str, Any]] = []
        self.teams: dict[str, dict[str, str]] = {}
        self.crons: dict[str, dict[str, Any]] = {"onlinegc": _cron({"schedule": "0 0 3 * * *"})}
        self.jobs: list[dict[str, str]] = []
        self.settings: dict[str, Any] = {"dtrHost": "registry", "replicaID": "0123456789ab"}
        self.storage: dict[str, Any] = {}
        self.healthy = True
        self.reports = {
            "0123456789ab": "2026-11-22T01:02:03Z"
        }  # replica -> when it last said that it is well
        self.licensed = True
        self.fails_with: int | None = None  # a status for every request
        self.redirects_blobs = False
        self.tokens: set[str] = set()
        self.requests: list[str] = []
        self.hosts: set[str] = set()  # the names that it was asked for


@contextmanager
def registry_server(name: str | None = None) -> Iterator[RegistryServer]:
    """Yield a running registry; with `name` its certificate is valid for that name alone."""
    server = RegistryServer(name)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: RegistryServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        self.server.requests.append(f"{self.command} {urlsplit(self.path).path}")
        self.server.hosts.add(self.headers["Host"])

    def answer(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        path = urlsplit(self.path).path
        if self.server.fails_with:
            return self.error(self.server.fails_with, "UNAVAILABLE")
        for pattern, method in _ROUTES:
            if match := re.fullmatch(pattern, f"{self.command} {path}"):
                return getattr(self, method)(*match.groups())  # type: ignore[no-any-return]
        return self.error(404, f"UNKNOWN_ROUTE {self.command} {path}")

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer  # noqa: N815 - the base class looks for these

    def reply(self, status: int, data: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def json(self, document: object, status: int = 200, **headers: str) -> None:
        self.reply(status, json.dumps(document).encode(), Content_Type="application/json", **headers)

    def error(self, status: int, code: str) -> None:
        self.json({"errors": [{"code": code, "message": "as the registry says it"}]}, status)

    def ping(self) -> None:
        if self.server.healthy:
            return self.json({"Error": "", "Healthy": True})
        return self.json({"Error": "rethinkdb: no quorum", "Healthy": False}, 503)

    def token(self) -> None:
        if not self.is_admin():
            return self.error(401, "UNAUTHORIZED")
        token = f"token-{len(self.server.tokens)}-{self.query['scope']}"
        self.server.tokens.add(token)
        return self.json({"token": token})

    def is_admin(self) -> bool:
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        return self.headers.get("Authorization") == f"Basic {login}"

    def may(self, scope: str) -> bool:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token in self.server.tokens and token.split("-", 2)[2].startswith(scope):
            return True
        challenge = f'Bearer realm="{self.server.realm}",service="dtr",scope="{scope}"'
        self.reply(401, b"{}", WWW_Authenticate=challenge)
        return False

    def get_blob(self, name: str, digest: str) -> None:
        if not self.may(f"repository:{name}:pull"):
            return None
        if digest not in self.server.blobs:
            return self.error(404, "BLOB_UNKNOWN")
        if self.server.redirects_blobs and self.command == "GET":
            place = f"https://localhost:{self.server.server_port}/storage/{digest}"
            return self.reply(307, Location=place)
        return self.reply(200, self.server.blobs[digest])

    def stored(self, digest: str) -> None:
        if self.headers.get("Authorization"):
            return self.error(400, "TOKEN_SENT_TO_STORAGE")
        return self.reply(200, self.server.blobs[digest])

    def begin_upload(self, name: str) -> None:
        if not self.server.licensed:
            return self.reply(402, b"DTR doesn't have a license")
        if self.may(f"repository:{name}:pull,push"):
            self.reply(202, Location=f"/v2/{name}/blobs/uploads/1?_state=secret")
        return None

    def end_upload(self, name: str) -> None:
        if not self.may(f"repository:{name}:pull,push"):
            return None
        digest = f"sha256:{hashlib.sha256(self.body).hexdigest()}"
        if self.query.get("digest") != digest or self.query.get("_state") != "secret":
            return self.error(400, "DIGEST_INVALID")
        self.server.blobs[digest] = self.body
        return self.reply(201)

    def put_manifest(self, name: str, reference: str) -> None:
        if not self.may(f"repository:{name}:pull,push"):
            return None
        named = json.loads(self.body)
        wanted = [blob["digest"] for blob in [*named.get("layers", ()), named.get("config")] if blob]
        if not set(wanted) <= self.server.blobs.keys():
            return self.error(404, "MANIFEST_BLOB_UNKNOWN")
        digest = f"sha256:{hashlib.sha256(self.body).hexdigest()}"
        for key in (reference, digest):
            self.server.manifests[name, key] = (self.headers["Content-Type"], self.body)
        return self.reply(201, Docker_Content_Digest=digest)

    def get_manifest(self, name: str, reference: str) -> None:
        if not self.may(f"repository:{name}:pull"):
            return None
        if (name, reference) not in self.server.manifests:
            return self.error(404, "MANIFEST_UNKNOWN")
        kind, text = self.server.manifests[name, reference]
        return self.reply(200, text, Content_Type=kind, Docker_Content_Digest=_manifest_digest(kind, text))

    def tags(self, name: str) -> None:
        if self.may(f"repository:{name}:pull"):
            tags = [tag for place, tag in self.server.manifests if place == name and ":" not in tag]
            self.json({"name": name, "tags": tags or None})

    def admin(self, rest: str) -> None:
        if not self.is_admin():
            return self.error(401, "NOT_AUTHENTICATED")
        body = json.loads(self.body) if self.body else {}
        for pattern, method in _ADMIN_ROUTES:
            if match := re.fullmatch(pattern, f"{self.command} {rest}"):
                return getattr(self, method)(body, *match.groups())  # type: ignore[no-any-return]
        return self.error(404, f"UNKNOWN_ROUTE {self.command} {rest}")

    def get_settings(self, _: Any) -> None:
        replicas = {"0123456789ab": {"HTTPPort": 80, "node": "dtr1"}}
        self.json({**self.server.settings, "replicaSettings": replicas})

    def post_settings(self, body: Any) -> None:
        if "nonsense" in body:
            return self.error(400, "INVALID_SETTINGS")
        self.server.settings |= body
        return self.json({}, 202)

    def status(self, _: Any) -> None:
        issue = {"critical": True, "description": "dtr_rethinkdb_0123456789ab is not reachable"}
        self.json(
            {
                "rethink_system_tables": {"current_issues": [issue]},
                "replica_health": dict.fromkeys(self.server.reports, "OK"),
                "replica_timestamp": self.server.reports,
                "gc_lock_holder": "",
            }
        )

    def version(self, _: Any) -> None:
        self.json({"version": "2.9.29"})

    def get_storage(self, _: Any) -> None:
        self.json(self.server.storage)

    def put_storage(self, body: Any) -> None:
        self.server.storage = body
        self.json(body)

    def list_repositories(self, _: Any, namespace: str | None = None) -> None:
        rows = [row for row in self.server.repositories if namespace in {None, row["namespace"]}]
        self.page(rows, "name", "repositories")

    def create_repository(self, body: Any, namespace: str) -> None:
        row = {"namespace": namespace, "visibility": "private", **body}
        if any(
            (seen["namespace"], seen["name"]) == (namespace, body["name"])
            for seen in self.server.repositories
        ):
            return self.error(400, "REPOSITORY_EXISTS")
        self.server.repositories.append(row)
        return self.json(row, 201)

    def list_tags(self, _: Any, namespace: str, name: str) -> None:
        seen = self.server.manifests.items()
        place = f"{namespace}/{name}"
        rows = [{"name": tag, "digest": _manifest_digest(kind, text)}
                for (where, tag), (kind, text) in seen if where == place and ":" not in tag]  # fmt: skip
        self.page(rows, "name")

    def page(self, rows: list[dict[str, Any]], key: str, name: str = "") -> None:
        rows = [
            row
            for row in sorted(rows, key=lambda row: row[key])
            if row[key] >= self.query.get("pageStart", "")
        ]
        size = min(int(self.query["pageSize"]), 2)
        following = {"X_Next_Page_Start": rows[size][key]} if len(rows) > size else {}
        self.json({name: rows[:size]} if name else rows[:size], **following)

    def get_teams(self, _: Any, place: str) -> None:
        rows = self.server.teams.get(place, {}).items()
        self.json(
            {"teamAccessList": [{"team": {"name": team}, "accessLevel": level} for team, level in rows]}
        )

    def put_team(self, body: Any, place: str, team: str) -> None:
        self.server.teams.setdefault(place, {})[team] = body["accessLevel"]
        self.json({})

    def list_jobs(self, _: Any) -> None:
        jobs = self.server.jobs[: int(self.query["limit"])]
        if self.query.get("running") == "true":
            jobs = [job for job in self.server.jobs if job["status"] == "running"]
        self.json({"jobs": jobs})

    def post_job(self, body: Any) -> None:
        job = {"id": str(len(self.server.jobs)), "action": body["action"], "status": "waiting"}
        self.server.jobs.insert(0, job)
        self.json(job, 202)

    def list_crons(self, _: Any) -> None:
        crons = [{"action": action, **cron} for action, cron in self.server.crons.items()]
        self.json({"crons": crons})

    def post_cron(self, body: Any) -> None:
        self.server.crons[body.pop("action")] = _cron(body)
        self.json(body, 202)

    def delete_cron(self, _: Any, action: str) -> None:
        if self.server.crons.pop(action, None) is None:
            return self.error(404, "NO_SUCH_CRON")
        return self.reply(204)


_ROUTES = [
    (r"GET /_ping|GET /health", "ping"),
    (r"GET /auth/token", "token"),
    (r"(?:GET|HEAD) /v2/(.+)/blobs/(sha256:.+)", "get_blob"),
    (r"GET /storage/(.+)", "stored"),
    (r"POST /v2/(.+)/blobs/uploads/", "begin_upload"),
    (r"PUT /v2/(.+)/blobs/uploads/1", "end_upload"),
    (r"PUT /v2/(.+)/manifests/(.+)", "put_manifest"),
    (r"(?:GET|HEAD) /v2/(.+)/manifests/(.+)", "get_manifest"),
    (r"GET /v2/(.+)/tags/list", "tags"),
    (r"\w+ /api/v0(/.*)", "admin"),
]
_ADMIN_ROUTES = [
    (r"GET /meta/settings", "get_settings"),
    (r"POST /meta/settings", "post_settings"),
    (r"GET /meta/cluster_status", "status"),
    (r"GET /admin/version", "version"),
    (r"GET /admin/settings/registry", "get_storage"),
    (r"PUT /admin/settings/registry(?:/simple)?", "put_storage"),
    (r"GET /repositories", "list_repositories"),
    (r"GET /repositories/([^/]+)", "list_repositories"),
    (r"POST /repositories/([^/]+)", "create_repository"),
    (r"GET /repositories/([^/]+)/([^/]+)/tags", "list_tags"),
    (r"GET /repositories/([^/]+/[^/]+)/teamAccess", "get_teams"),
    (r"PUT /repositories/([^/]+/[^/]+)/teamAccess/(.+)", "put_team"),
    (r"GET /jobs", "list_jobs"),
    (r"POST /jobs", "post_job"),
    (r"GET /crons", "list_crons"),
    (r"POST /crons", "post_cron"),
    (r"DELETE /crons/(.+)", "delete_cron"),
]


def _cron(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a registry keeps of a cron that it is given; `id` and `nextRun` are its own."""
    own = {"id": str(uuid4()), "nextRun": datetime.now(UTC).isoformat()}
    unset = {"retries": 0, "capacityMap": None, "parameters": None, "deadline": "", "stopTimeout": ""}
    return {**unset, **given, **own}


def _manifest_digest(kind: str, text: bytes) -> str:
    """Return the digest of a manifest; that of schema 1 leaves out the signatures that are sent with it."""
    content = text.partition(b', "signatures"')[0] if "manifest.v1+" in kind else text
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _certificate(only: str | None) -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "registry of the tests")])
    now = datetime.now(UTC)
    here = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
    addresses = [x509.DNSName(only)] if only else here
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


def _context(certificate: str, key: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        both = Path(folder) / "both.pem"
        both.write_text(certificate + key)
        context.load_cert_chain(both)
    return context
