"""Cluster files that differ from the lab's in one thing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from lab.paths import CLUSTER_FILE

Change = Callable[[dict[str, Any]], None]


def changed_file(folder: Path, change: Change) -> Path:
    """Return a cluster file in `folder` that is the lab's after `change`."""
    content = _with_absolute_paths(yaml.safe_load(CLUSTER_FILE.read_text(encoding="utf-8")))
    change(content)
    path = folder / "cluster.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


def node_of(content: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a node's entry."""
    return next(node for node in content["nodes"] if node["name"] == name)


def _with_absolute_paths(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _with_absolute_paths(entry, key) for key, entry in value.items()}
    if isinstance(value, list):
        return [_with_absolute_paths(entry) for entry in value]
    if isinstance(value, str) and value.startswith("file:") and not value.startswith("file:/"):
        return f"file:{CLUSTER_FILE.parent / value.removeprefix('file:')}"
    return str(CLUSTER_FILE.parent / value) if name == "ca_file" else value
