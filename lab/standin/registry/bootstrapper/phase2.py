"""Phase 2: runs on the replica's node and does the work through the control plane."""

import sys
import tempfile
from typing import Any

import aiohttp

from registry.bootstrapper import (
    archive,
    backup,
    destroy,
    frames,
    install,
    join,
    reconfigure,
    remove,
    repair,
    restore,
    upgrade,
)
from registry.bootstrapper.console import Console
from registry.bootstrapper.workplace import Site

_COMMANDS = {
    "install": install.run,
    "join": join.run,
    "backup": backup.run,
    "destroy": destroy.run,
    "remove": remove.run,
    "reconfigure": reconfigure.run,
    "upgrade": upgrade.run,
    "emergency-repair": repair.run,
}
_SPOOL = 64 << 20


async def run(console: Console) -> int:
    """Do what phase 1 asks for on stdin."""
    request = frames.read_request(sys.stdin.buffer)
    console.info("starting phase 2")
    async with aiohttp.ClientSession() as session:
        site = Site.of(session, console, request)
        if request["command"] == "restore":
            await _restore(site)
        else:
            await _COMMANDS[request["command"]](site)
    return 0


async def _restore(site: Site) -> None:
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL) as spool:
        stream: Any = spool
        await restore.run(site, archive.spooled(frames.read(sys.stdin.buffer), stream))
