"""Entry point: `phase2` is what phase 1 starts on a node; every other command is the operator's."""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any

from registry import names
from registry.bootstrapper import arguments, phase1, phase2
from registry.bootstrapper.arguments import BadArgumentError
from registry.bootstrapper.console import Console, FatalError
from registry.bootstrapper.frames import BrokenInputError
from registry.bootstrapper.hijack import AttachFailedError
from registry.etcd import DatabaseRefusedError, DatabaseUnavailableError

_FAILED = 1
_STOPPED = 130


def main() -> int:
    """Return the exit status of the command line."""
    if sys.argv[1:] == ["phase2"]:
        console = Console()
        return _run(console, phase2.run(console))
    try:
        command, options = arguments.parse(sys.argv[1:], os.environ)
    except BadArgumentError as exc:
        Console().fatal(str(exc))
        return _FAILED
    if command == "images":
        print("\n".join(names.all_images()))
        return 0
    console = Console(debug=options["debug"], colour=sys.stderr.isatty() and not options.get("nocolor"))
    return _run(console, phase1.run(command, options, console))


def _run(console: Console, work: Coroutine[Any, Any, int]) -> int:
    """Return the exit status of the work; every known failure becomes a last line."""
    try:
        return asyncio.run(_until_stopped(work))
    except (FatalError, AttachFailedError, BrokenInputError) as exc:
        console.fatal(str(exc))
    except (DatabaseUnavailableError, DatabaseRefusedError) as exc:
        console.fatal(f"unable to query db: rethinkdb: {exc}")
    except asyncio.CancelledError:
        console.fatal("Interrupted")
        return _STOPPED
    return _FAILED


async def _until_stopped(work: Coroutine[Any, Any, int]) -> int:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    return await task


if __name__ == "__main__":
    sys.exit(main())
