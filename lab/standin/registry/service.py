"""What the HTTP services of a replica have in common: context, errors, who is asking."""

from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus

from aiohttp import web

from registry.control_plane import ControlPlaneUnavailableError
from registry.credentials import Credentials, parse_basic
from registry.etcd import DatabaseRefusedError, DatabaseUnavailableError
from registry.permissions import Principal
from registry.replica_context import context

PORT = 8080
CONTEXT = "context"
CREDENTIALS = "credentials"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ApiError(Exception):
    """An answer in the API's error format."""

    def __init__(
        self, status: HTTPStatus, code: str, message: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(status, code, message, headers)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}

    def response(self) -> web.Response:
        """Return the answer that the client gets."""
        body = {"errors": [{"code": self.code, "message": self.message}]}
        return web.json_response(body, status=self.status, headers=self.headers)


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer in the API's error format, whatever goes wrong."""
    try:
        return await handler(request)
    except ApiError as exc:
        return exc.response()
    except (DatabaseUnavailableError, DatabaseRefusedError) as exc:
        return ApiError(
            HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", f"unable to query db: rethinkdb: {exc}"
        ).response()
    except ControlPlaneUnavailableError as exc:
        return ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", str(exc)).response()


async def _in_context(app: web.Application) -> AsyncIterator[None]:
    async with context() as running_in:
        app[CONTEXT] = running_in
        yield


async def credentials(request: web.Request) -> Credentials:
    """Return the checker of credentials, which needs the control plane that the database names."""
    app = request.app
    if CREDENTIALS not in app["shared"]:
        app["shared"][CREDENTIALS] = Credentials(app[CONTEXT].tables, await app[CONTEXT].accounts())
    checker: Credentials = app["shared"][CREDENTIALS]
    return checker


async def principal(request: web.Request) -> Principal:
    """Return who asks, by basic authentication; nobody else gets past this."""
    challenge = {"WWW-Authenticate": 'Basic realm="dtr"'}
    given = parse_basic(request.headers.get("Authorization", ""))
    if given is None:
        raise ApiError(
            HTTPStatus.UNAUTHORIZED, "NOT_AUTHENTICATED", "The client is not authenticated.", challenge
        )
    await request.app[CONTEXT].database.get("/cluster/quorum")  # no login without a quorum
    known = await (await credentials(request)).check(*given)
    if known is None:
        raise ApiError(HTTPStatus.UNAUTHORIZED, "UNAUTHORIZED", "wrong user name or password", challenge)
    return known


def application() -> web.Application:
    """Return an empty service with a context."""
    app = web.Application(middlewares=[errors], client_max_size=64 << 20)
    app["shared"] = {}
    app.cleanup_ctx.append(_in_context)
    return app
