"""Rows: very many blobs from a folder into a folder, first pass, nothing changed, and every byte verified.

Each side has a process and a target of its own on the same disk. They take turns, twice, and the better of the two
counts; what was written before is on the disk when the next begins. The source lies in the page cache.
"""

import hashlib
import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.place import Place
from bench.programs import path_of
from bench.results import FASTER, Row
from bench.running import Took, run, run_ours, with_start
from lab.progress import say
from runbook.domain.errors import MismatchError

_ROOT = "docker/registry/v2/blobs/sha256"
_ROUNDS = 2
Side = Callable[[], Took]


def measure(place: Place) -> Iterator[Row]:
    """Yield two rows each for a first pass and one without changes, and one for verifying."""
    with place.folder_for("folder") as folder:
        _fill(folder / "source", place)
        sides = _Sides(place, folder)
        what = f"{place.sizes.folder_blobs:,} blobs of {place.sizes.folder_blob // 1024} KiB from a folder"
        copying = {"ours": sides.ours, "restic backup": sides.restic, "rclone copy": sides.rclone}
        yield from _rows(f"{what}, first pass", _in_turn(copying, before=sides.empty))
        yield from _rows(f"{what}, nothing changed", _in_turn(copying))
        sides.make_point()
        verifying = {"ours": sides.verify, "restic check --read-data": sides.restic_check}
        size = place.sizes.folder_blobs * place.sizes.folder_blob / 1024**3
        yield from _rows(f"verify full of {size:.1f} GiB", _in_turn(verifying))


def _in_turn(sides: dict[str, Side], before: Callable[[], None] = lambda: None) -> dict[str, Took]:
    """Return the better run of each side."""
    took: dict[str, list[Took]] = {name: [] for name in sides}
    for _ in range(_ROUNDS):
        before()
        for name, side in sides.items():
            os.sync()
            took[name].append(side())
            say(f"{name}: {took[name][-1].seconds:.1f} s")
    return {name: min(runs, key=lambda run: run.seconds) for name, runs in took.items()}


def _rows(title: str, best: dict[str, Took]) -> Iterator[Row]:
    ours = best.pop("ours")
    note = with_start(ours)
    for name, theirs in best.items():
        yield Row(f"{title}, against {name}", ours.seconds, theirs.seconds, "s", FASTER, note)
        note = ""


@dataclass
class _Sides:
    """The tools, each with its own target."""

    place: Place
    folder: Path
    copied: int = 0

    def empty(self) -> None:
        """Leave every target new; making restic's repository is not measured."""
        for name in ("vault", "repository", "copy", "cache"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
            (self.folder / name).mkdir()
        self._restic("init")
        self.copied = self.place.sizes.folder_blobs

    def ours(self) -> Took:
        """Take a pass into the vault."""
        took = run_ours("snapshot", self._asked() | {"point": self.place.next_point()})
        seen, expected = (
            took.said,
            {"blobs": self.place.sizes.folder_blobs, "copied": self.copied, "findings": []},
        )
        if {name: seen[name] for name in expected} != expected:
            raise MismatchError("snapshot of a folder", f"it saw {seen}, not {expected}", "report this")
        self.copied = 0
        return took

    def restic(self) -> Took:
        """Back the folder up into the repository."""
        return self._restic("backup", "--quiet", str(self.folder / "source"))

    def rclone(self) -> Took:
        """Copy the folder, with twice the default number of transfers."""
        ends = (str(self.folder / "source"), str(self.folder / "copy"))
        return run([path_of("rclone"), "copy", "--transfers", "8", *ends], {"RCLONE_CONFIG": "/dev/null"})

    def make_point(self) -> None:
        """Leave a recovery point that names every blob of the vault."""
        run_ours("point", self._asked())

    def verify(self) -> Took:
        """Read every byte of the point and of its blobs."""
        took = run_ours("verification", self._asked() | {"identity": self.place.identity.get_secret_value()})
        if took.said["findings"] or took.said["blobs"] != self.place.sizes.folder_blobs:
            raise MismatchError("verify", f"it saw {took.said}", "report this")
        return took

    def restic_check(self) -> Took:
        """Read every byte of the repository."""
        return self._restic("check", "--read-data", "--quiet")

    def _asked(self) -> dict[str, str]:
        ends = {"source": str(self.folder / "source"), "target": str(self.folder / "vault")}
        return ends | {"recipient": self.place.recipient}

    def _restic(self, *arguments: str) -> Took:
        environment = {
            "RESTIC_REPOSITORY": str(self.folder / "repository"),
            "RESTIC_PASSWORD": "bench",
            "RESTIC_CACHE_DIR": str(self.folder / "cache"),
        }
        return run([path_of("restic"), *arguments], environment)


def _fill(source: Path, place: Place) -> None:
    """Leave blobs that do not compress, as layers do not, named by their digests."""
    say(f"fill the folder with {place.sizes.folder_blobs:,} blobs")
    random_ = random.Random(5)  # noqa: S311 - the same bytes each time, no secret
    for _ in range(place.sizes.folder_blobs):
        data = random_.randbytes(place.sizes.folder_blob)
        digest = hashlib.sha256(data).hexdigest()
        file = source / _ROOT / digest[:2] / digest / "data"
        file.parent.mkdir(parents=True)
        file.write_bytes(data)
