"""Service `api`: the HTTP API of a replica, and its reports of health."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from registry import health, properties, service, version
from registry.api import (
    health_routes,
    job_routes,
    repository_routes,
    settings_routes,
    storage_routes,
    tag_routes,
    team_routes,
    token_routes,
    v2_routes,
)
from registry.etcd import DatabaseRefusedError, DatabaseUnavailableError
from registry.replica_context import Context, when_ready
from registry.service import CONTEXT

_ROUTES = (
    health_routes, settings_routes, storage_routes, repository_routes, tag_routes, team_routes, job_routes,
    token_routes, v2_routes,
)  # fmt: skip
_AUTHORITY_FILE = Path("/ca/cert.pem")


async def _report(running_in: Context) -> None:
    """Write down this replica's health for as long as the service runs."""
    stored = await when_ready(lambda: running_in.tables.property(properties.CERTIFICATES))
    _AUTHORITY_FILE.write_text(stored["ca"])
    while True:
        well = False
        with contextlib.suppress(DatabaseUnavailableError, DatabaseRefusedError):
            settings = await running_in.tables.property(properties.SETTINGS) or {}
            well = await health.report(running_in, read_only=bool(settings.get("readOnlyRegistry")))
        await asyncio.sleep(health.REPORT_EVERY if well else health.REPORT_AGAIN)


async def _reporting(app: web.Application) -> AsyncIterator[None]:
    task = asyncio.ensure_future(_report(app[CONTEXT]))
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def application() -> web.Application:
    """Return the service."""
    app = service.application()
    for module in _ROUTES:
        if module is not token_routes or version.at_least(version.ACCESS_TOKENS):
            app.add_routes(module.ROUTES)
    app.cleanup_ctx.append(_reporting)
    return app


if __name__ == "__main__":
    web.run_app(application(), port=service.PORT, access_log=None, print=None)
