"""Run the control plane's stand-in: `python3 -m controlplane` serves, `… backup` writes its backup."""

import asyncio
import logging
import signal
import sys

from controlplane import backup
from controlplane.server import ControlPlane
from controlplane.settings import Settings

_STOPPED = 130


def main() -> int:
    """Serve until the container is stopped, or do what the arguments say; return the exit status."""
    if sys.argv[1:2] == ["backup"]:
        signal.signal(
            signal.SIGTERM, lambda *_: sys.exit(_STOPPED)
        )  # the first process has no default for it
        return backup.main(sys.argv[2:])
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(message)s")
    plane = ControlPlane(Settings.from_environment())
    plane.ensure_administrator()
    asyncio.run(plane.run())
    return 0


if __name__ == "__main__":
    sys.exit(main())
