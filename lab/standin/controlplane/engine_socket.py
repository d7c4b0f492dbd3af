"""The engine of this node through its socket, as the one-shot commands see it."""

import http.client
import io
import json
import socket
import tarfile
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

SOCKET = Path("/var/run/docker.sock")
_API = "/v1.41"
_SECONDS = 30


class EngineError(Exception):
    """The engine cannot be reached, or refuses."""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("engine", timeout=_SECONDS)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket instead of to a port."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_SECONDS)
        self.sock.connect(str(self._path))


class Engine:
    """One request, one connection."""

    def __init__(self, path: Path = SOCKET) -> None:
        self._path = path

    def containers(self) -> list[dict[str, Any]]:
        """Return the containers that run."""
        found: list[dict[str, Any]] = json.loads(self._get("/containers/json"))
        return found

    def created(self, container: str) -> str:
        """Return when a container was made, in a form that sorts by time to the nanosecond."""
        return str(json.loads(self._get(f"/containers/{container}/json"))["Created"]).rstrip("Z")

    def files(self, container: str, folder: str) -> dict[str, bytes]:
        """Return the files in a folder of a container, by their path below it."""
        answer = self._get(f"/containers/{container}/archive?path={quote(folder)}")
        found = {}
        with tarfile.open(fileobj=io.BytesIO(answer)) as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isfile() else None
                if content is not None:
                    found[member.name.partition("/")[2]] = content.read()
        return found

    def _get(self, target: str) -> bytes:
        connection = _Connection(self._path)
        try:
            connection.request("GET", _API + target)
            answer = connection.getresponse()
            body = answer.read()
        except OSError as exc:
            raise EngineError(
                f"unable to connect to the engine at unix://{self._path}: {exc.strerror or exc}; "
                f"was it given, -v {SOCKET}:{SOCKET}?"
            ) from exc
        finally:
            connection.close()
        if answer.status != HTTPStatus.OK:
            raise EngineError(f"the engine answered {answer.status}: {body.decode(errors='replace').strip()}")
        return body
