"""The server: who asks, and which part answers."""

import asyncio
import logging
import ssl
from http import HTTPStatus
from typing import Any

from controlplane import licence
from controlplane.accounts import Account, Accounts
from controlplane.accounts_api import PREFIX, AccountsApi
from controlplane.auth import Sessions
from controlplane.cluster import Cluster
from controlplane.config_toml import Configuration
from controlplane.docker_api import DockerApi, json_body
from controlplane.engines import Engines, NodeUnreachableError
from controlplane.pki import bundle, issue
from controlplane.public_keys_api import PREFIX as PUBLIC_KEYS
from controlplane.public_keys_api import PublicKeysApi
from controlplane.scheduling import Scheduler
from controlplane.settings import Settings
from controlplane.store import Store
from controlplane.tls import TlsStream
from controlplane.wire import Answer, HttpError, Request, read_body, read_head

LOG = logging.getLogger(__name__)
HANDSHAKE_SECONDS = 10.0
HEAD_SECONDS = 60.0


class ControlPlane:
    """Everything behind the control plane's URL."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store = Store(settings.state)
        self._accounts = Accounts(self._store)
        self._configuration = Configuration(settings.state)
        self._sessions = Sessions(self._store, self._accounts)
        self._accounts_api = AccountsApi(self._accounts)
        self._public_keys = PublicKeysApi(self._store, self._accounts)
        cluster = Cluster(Engines(settings.engine_context()), settings.engine_address)
        scheduler = Scheduler(cluster, self._configuration)
        self._docker = DockerApi(cluster, scheduler, self._store.cluster_id)
        self._tls = settings.server_context()
        self._serving: set[asyncio.Task[None]] = set()

    def ensure_administrator(self) -> None:
        """Leave the state with a first administrator."""
        if self._accounts.find(self._settings.admin) is None:
            password = (self._settings.pki / "admin-password").read_text().strip()
            self._accounts.create(self._settings.admin, password, is_org=False, is_admin=True)

    async def run(self) -> None:
        """Serve until the process ends."""
        server = await asyncio.start_server(self._accept, "0.0.0.0", self._settings.port)
        LOG.info(
            "serving on port %d, manager's engine at %s", self._settings.port, self._settings.engine_address
        )
        async with server:
            await server.serve_forever()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection; asyncio itself forgets the task of a client that has left."""
        task = asyncio.create_task(self._connection(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                stream = await TlsStream.accept(reader, writer, self._tls)
        except (OSError, TimeoutError, ssl.SSLError):
            return
        try:
            async with asyncio.timeout(HEAD_SECONDS):
                head = await read_head(stream)
            if head is not None and (answer := await self._answer(head, stream)):
                await stream.write(answer.encode())
        except (OSError, TimeoutError):
            LOG.debug("a client left early")
        finally:
            await stream.close()

    async def _answer(self, head: Any, stream: TlsStream) -> Answer | None:
        try:
            return await self._dispatch(Request.parse(head), stream)
        except HttpError as exc:
            return _error(exc.status, exc.message)
        except NodeUnreachableError as exc:
            return _error(HTTPStatus.INTERNAL_SERVER_ERROR, str(exc))
        except OSError:
            raise
        except Exception:  # noqa: BLE001 - the server must survive its own bugs, and show them
            LOG.exception("request failed: %s", head.start)
            return _error(HTTPStatus.INTERNAL_SERVER_ERROR, "the stand-in failed: see its log")

    async def _dispatch(self, request: Request, stream: TlsStream) -> Answer | None:
        if answer := await self._open_to_all(request, stream):
            return answer
        who = await self._sessions.account(request, stream.peer_certificate)
        LOG.info("%s: %s %s", who["name"], request.method, request.path)
        if request.path.startswith(PREFIX):
            body = await json_body(request, stream)
            return self._accounts_api.serve(request.method, request.path, body, who)
        if request.path.startswith(PUBLIC_KEYS):
            return self._public_keys.serve(request.method, request.path, who)
        if answer := await self._of_the_session(request, stream, who):
            return answer
        if not who["isAdmin"]:
            raise HttpError(HTTPStatus.FORBIDDEN, "access denied: this needs an administrator")
        return await self._docker.serve(request, stream)

    async def _open_to_all(self, request: Request, stream: TlsStream) -> Answer | None:
        match request.method, request.path:
            case "GET", "/_ping":
                return await self._docker.ping()
            case _, "/_ping":
                return Answer(HTTPStatus.NOT_FOUND)  # HEAD too; clients fall back to GET
            case "GET", "/ca":
                return Answer.text((self._settings.pki / "ca.pem").read_text(), "application/x-pem-file")
            case "POST", "/auth/login":
                body = await json_body(request, stream)
                token = await self._sessions.login(str(body.get("username")), str(body.get("password")))
                return Answer.json({"auth_token": token})
        return None

    async def _of_the_session(self, request: Request, stream: TlsStream, who: Account) -> Answer | None:
        match request.method, request.path.rstrip("/"):
            case "GET", "/id":
                return Answer.json(who)
            case "POST", "/id/logout":
                self._sessions.logout(request)
                return Answer.json({})
            case "GET", "/api/clientbundle":
                return self._bundle(request, who)
            case (("GET" | "PUT"), "/api/ucp/config-toml"):
                return await self._config(request, stream, who)
            case "GET", "/api/config/license":
                return Answer.json(licence.of(self._settings.state))
        return None

    def _bundle(self, request: Request, who: Account) -> Answer:
        pki, user = self._settings.pki, str(who["name"])
        issued = issue(user, pki / "client-ca.pem", pki / "client-ca-key.pem")
        self._sessions.remember_certificate(issued.serial, who)
        self._public_keys.describe(issued)
        host = request.head.get("Host") or self._settings.engine_address
        address = host if ":" in host else f"{host}:443"
        content = bundle(issued, user, (pki / "ca.pem").read_bytes(), address)
        name = f'attachment; filename="ucp-bundle-{user}.zip"'
        return Answer(
            HTTPStatus.OK, content, (("Content-Type", "application/zip"), ("Content-Disposition", name))
        )

    async def _config(self, request: Request, stream: TlsStream, who: Account) -> Answer:
        if not who["isAdmin"]:
            raise HttpError(HTTPStatus.FORBIDDEN, "access denied: this needs an administrator")
        if request.method == "PUT":
            raw = await read_body(stream, request.head)
            self._configuration.put(raw.decode(errors="replace"))
        return Answer.text(self._configuration.text, "application/toml")


def _error(status: int, message: str) -> Answer:
    code, _, rest = message.partition(": ")
    errors = [{"code": code, "message": rest}] if rest and code.isupper() else [{"message": message}]
    return Answer.json({"message": message, "errors": errors}, status)
