"""An archive of images on this machine, as `docker save` writes it, packed by gzip or not."""

import json
import tarfile
from pathlib import Path
from typing import Any

from runbook.domain.errors import InvalidConfigError
from runbook.domain.image_distribution import ids_in

_WANTED = ("manifest.json", "index.json")


def read_ids(path: Path) -> dict[str, frozenset[str]]:
    """Return the ids of each image in the archive by name; its layers are passed over.

    Raises InvalidConfigError when it cannot be read or is none.
    """
    try:
        found = _documents(path)
        if "manifest.json" not in found:
            raise ValueError("it holds no manifest.json")
        return ids_in(found["manifest.json"], found.get("index.json"))
    except OSError as exc:
        raise _unusable(path, f"it cannot be read: {exc.strerror or exc}") from exc
    except (tarfile.TarError, EOFError, ValueError) as exc:
        raise _unusable(path, f"it is no archive of images: {exc}") from exc


def _documents(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with tarfile.open(path, "r:*") as tar:
        for member in tar:
            if member.name in _WANTED and (content := tar.extractfile(member)):
                found[member.name] = json.load(content)
    return found


def _unusable(path: Path, what: str) -> InvalidConfigError:
    next_step = "write it with `docker save -o FILE IMAGE…`, all of the list that `images` prints"
    return InvalidConfigError(f"registry.images.archive {path}", what, next_step)
