"""Where a run keeps its things: a folder that is gone afterwards."""

import itertools
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from bench.sizes import Sizes
from lab.paths import VAR
from runbook.remote.encryption import generate_identity

FOLDER = VAR / "bench"
RESULTS = VAR / "bench.json"
_LINKS = 350  # of one repository


@dataclass(frozen=True)
class Place:
    """A run's folder, sizes and age key."""

    folder: Path
    sizes: Sizes
    identity: SecretStr
    recipient: str
    _points: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def objects(self) -> int:
        """How many objects the bucket has."""
        return self.sizes.bucket_blobs + _LINKS * self.sizes.repositories

    def next_point(self) -> str:
        """Return a name that no pass had before."""
        return f"points/{next(self._points)}"

    @contextmanager
    def folder_for(self, name: str) -> Iterator[Path]:
        """Give a new folder for the block."""
        folder = self.folder / name
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


@contextmanager
def place_for(sizes: Sizes) -> Iterator[Place]:
    """Begin with an empty folder and leave none."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    try:
        yield Place(FOLDER, sizes, *generate_identity())
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)
