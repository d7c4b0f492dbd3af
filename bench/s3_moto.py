"""A process: moto's S3 API on 127.0.0.1, counting the requests that reach it."""

import json
import logging
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

COUNT = "/bench-count"
"""The path that answers with the number of requests since it was last asked, itself left out."""

Start = Callable[..., Any]


class Counted:
    """A WSGI application whose requests are counted."""

    def __init__(self, application: Callable[[dict[str, Any], Start], Iterable[bytes]]) -> None:
        self._application = application
        self._guard = threading.Lock()
        self._count = 0

    def __call__(self, environment: dict[str, Any], start: Start) -> Iterable[bytes]:
        """Answer with the count, or count and pass on."""
        if environment["PATH_INFO"] == COUNT:
            return self._tell(start)
        with self._guard:
            self._count += 1
        return self._application(environment, start)

    def _tell(self, start: Start) -> Iterable[bytes]:
        with self._guard:
            count, self._count = self._count, 0
        start("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(count).encode()]


def main() -> None:
    """Serve until the process is ended."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    application = Counted(DomainDispatcherApplication(create_backend_app))
    run_simple("127.0.0.1", int(sys.argv[1]), application, threaded=True)


if __name__ == "__main__":
    main()
