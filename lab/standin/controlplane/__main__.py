"""Run the control plane's stand-in: `python3 -m controlplane`."""

import asyncio
import logging
import sys

from controlplane.server import ControlPlane
from controlplane.settings import Settings


def main() -> None:
    """Serve until the container is stopped."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(message)s")
    plane = ControlPlane(Settings.from_environment())
    plane.ensure_administrator()
    asyncio.run(plane.run())


if __name__ == "__main__":
    main()
