"""Where a run keeps its things: a folder that is gone afterwards."""

import fcntl
import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from bench.sizes import Sizes
from lab.paths import VAR
from runbook.domain.errors import RefusedError
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
    """Begin with an empty folder and leave none; RefusedError while another run has it."""
    with _alone():
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir()
        try:
            yield Place(FOLDER, sizes, *generate_identity())
        finally:
            shutil.rmtree(FOLDER, ignore_errors=True)


@contextmanager
def _alone() -> Iterator[None]:
    """Keep other runs of this checkout out; the lock is on a folder, so it leaves no file."""
    VAR.mkdir(exist_ok=True)
    folder = os.open(VAR, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as exc:
        raise RefusedError("bench", "another run measures here now", "wait for its end, then rerun") from exc
    finally:
        os.close(folder)
