"""Service `registry`: Distribution, restarted whenever the cluster's storage settings change."""

import asyncio
import json
import sys
from http import HTTPStatus
from pathlib import Path

import aiohttp

from registry import cluster, registry_settings, supervisor
from registry.etcd import DatabaseRefusedError, DatabaseUnavailableError
from registry.replica_context import POLL, Context, context, when_ready
from registry.storage_settings import (
    REGISTRY_PORT,
    TOKEN_CERTIFICATE,
    RegistrySettings,
    digest_of,
    distribution_config,
)

_CONFIG = Path("/tmp/registry.yml")


class Distribution:
    """The running registry and the settings that it runs with."""

    def __init__(self, running_in: Context) -> None:
        self._context = running_in
        self._child = supervisor.Child("docker-registry", "serve", str(_CONFIG))
        self._digest = ""

    async def follow(self) -> None:
        """Keep the registry running with the wanted settings."""
        await when_ready(lambda: registry_settings.wanted(self._context.tables))
        signer = await when_ready(self._context.signer)
        Path(TOKEN_CERTIFICATE).write_text(signer.certificate)
        try:
            while self._child.ended is None:
                await self._apply()
                await asyncio.sleep(POLL)
        finally:
            await self._child.stop()
        sys.exit(f"docker-registry ended with {self._child.ended}")

    async def _apply(self) -> None:
        try:
            wanted = await registry_settings.wanted(self._context.tables, local=True)
        except (DatabaseUnavailableError, DatabaseRefusedError):
            return  # keeps serving with what it has
        if wanted is None or digest_of(wanted) == self._digest:
            return
        await self._restart(wanted)

    async def _restart(self, wanted: RegistrySettings) -> None:
        _CONFIG.touch(mode=0o600)
        _CONFIG.write_text(json.dumps(distribution_config(wanted)))
        await self._child.restart()
        await self._until_serving()
        self._digest = digest_of(wanted)
        await cluster.mark_applied(self._context.database, self._context.replica, self._digest)

    async def _until_serving(self) -> None:
        while self._child.ended is None:
            try:
                async with self._context.session.get(f"http://127.0.0.1:{REGISTRY_PORT}/") as answer:
                    if answer.status == HTTPStatus.OK:
                        return
            except aiohttp.ClientError:
                await asyncio.sleep(POLL / 3)


async def serve() -> None:
    """Serve until the container is stopped."""
    async with context() as running_in:
        await Distribution(running_in).follow()


if __name__ == "__main__":
    supervisor.run(serve())
