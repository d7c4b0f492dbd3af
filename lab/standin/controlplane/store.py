"""The state of the control plane: one JSON document, written atomically."""

import base64
import json
import os
import secrets
from pathlib import Path
from typing import Any

GROUP = 4


def write_atomically(path: Path, text: str) -> None:
    """Leave `path` with `text`: the old content or the new one, never a part."""
    scratch = path.with_name(f".{path.name}.new")
    with scratch.open("w") as handle:
        os.fchmod(handle.fileno(), 0o600)
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    scratch.replace(path)


def new_cluster_id() -> str:
    """Return an identifier that looks like an engine's: twelve groups of four."""
    letters = base64.b32encode(secrets.token_bytes(30)).decode()
    return ":".join(letters[start : start + GROUP] for start in range(0, len(letters), GROUP))


class Store:
    """The document in memory; `save` puts it on disk."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._path = directory / "state.json"
        self._data: dict[str, Any] = json.loads(self._path.read_text()) if self._path.exists() else {}
        if "cluster_id" not in self._data:
            self._data["cluster_id"] = new_cluster_id()
            self.save()

    @property
    def cluster_id(self) -> str:
        """The identifier of this cluster, the same for as long as its state lives."""
        return str(self._data["cluster_id"])

    def section(self, name: str) -> dict[str, Any]:
        """Return a part of the document, to be read and changed in place."""
        section: dict[str, Any] = self._data.setdefault(name, {})
        return section

    def save(self) -> None:
        """Put the document on disk."""
        write_atomically(self._path, json.dumps(self._data) + "\n")
