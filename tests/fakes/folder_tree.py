"""A registry's storage as files."""

from collections.abc import Mapping
from pathlib import Path


def write_tree(folder: Path, tree: Mapping[str, bytes]) -> Path:
    """Leave the files in the folder."""
    for path, data in tree.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def read_tree(folder: Path) -> dict[str, bytes]:
    """Return every file of the folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
