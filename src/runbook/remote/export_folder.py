"""A folder that an export fills: files appear whole, belong to one point, and none leaves the folder.

Plain metadata holds private keys, so folders are 0700 and files 0600, whatever the umask is.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import BinaryIO

from runbook.domain.errors import RefusedError
from runbook.domain.export import MARKER, README
from runbook.domain.recovery import Manifest
from runbook.domain.recovery_json import manifest_to_json

CHUNK = 1024 * 1024
PARTIAL = ".partial"
_BLOCK = 4096
_LONGEST = 255


class ExportFolder:
    """The export of one point, begun or to be begun."""

    def __init__(self, root: Path, manifest: Manifest) -> None:
        """Take the folder for this point; RefusedError where it holds anything else."""
        self.root = root.absolute()
        self._numbers = count()
        seal = hashlib.sha256(manifest_to_json(manifest)).hexdigest()
        self._mark = {"cluster": manifest.cluster, "point": manifest.id, "manifest_sha256": seal}

    def begin(self) -> None:
        """Leave a folder that only we can read and that says whose export it is."""
        with self._errors(self.root):
            self._require_ours()
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._require_private()
            shutil.rmtree(self.root / PARTIAL, ignore_errors=True)
            (self.root / PARTIAL).mkdir(mode=0o700)
            (self.root / README).unlink(missing_ok=True)  # it says that the export is whole
        if not (self.root / MARKER).exists():
            with self.writer(MARKER) as file:
                file.write(json.dumps(self._mark, indent=2).encode() + b"\n")

    def settle(self) -> None:
        """Leave all that was written on stable storage; once, for a file each would take hours."""
        os.sync()

    def end(self) -> None:
        """Leave nothing but the files."""
        shutil.rmtree(self.root / PARTIAL)

    def size_of(self, path: str) -> int | None:
        """Return the size of a file of this export, None where there is none."""
        file = self._path(path)
        with self._errors(file):
            return file.stat().st_size if file.is_file() and not file.is_symlink() else None

    def sha256_of(self, path: str) -> str:
        """Return the digest of a file that is there."""
        digest = hashlib.sha256()
        with self.open(path) as file:
            while data := file.read(CHUNK):
                digest.update(data)
        return digest.hexdigest()

    def open(self, path: str) -> BinaryIO:
        """Return a file that is there, to be read."""
        with self._errors(self._path(path)):
            return self._path(path).open("rb")

    @contextmanager
    def writer(self, path: str) -> Iterator[BinaryIO]:
        """Take the bytes of one file; it appears, whatever was there, when the block ends cleanly."""
        final = self._path(path)
        temporary = self.root / PARTIAL / str(next(self._numbers))
        try:
            with self._errors(final):
                self._make(final.parent)
                descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    yield file
                temporary.replace(final)
        finally:
            temporary.unlink(missing_ok=True)

    def require_room(self, sizes: Iterator[int]) -> None:
        """Return if files of these sizes fit, each rounded up to blocks; else RefusedError."""
        needed = sum(-(-size // _BLOCK) * _BLOCK for size in sizes)
        free = shutil.disk_usage(self.root).free
        if needed > free:
            what = f"{needed / 1e6:.1f} MB are to be written and {free / 1e6:.1f} MB are free"
            raise RefusedError(
                str(self.root), what, "make room, or choose another folder; nothing was exported yet"
            )

    def _path(self, path: str) -> Path:
        """Return where a file is; a path that would lead out of the folder, or that no file can have, is refused."""
        parts = path.split("/")
        if not all(map(_is_file_name, parts)):
            what = f"{path[:200]!r} cannot be a file below it: a part of that path is no file's name"
            next_step = "restore this point into a bucket instead; find out where that object came from"
            raise RefusedError(str(self.root), what, next_step)
        return self.root.joinpath(*parts)

    def _make(self, folder: Path) -> None:
        """Make a folder and those above it up to the root; a link among them would lead elsewhere."""
        if folder == self.root:
            return
        self._make(folder.parent)
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        if folder.is_symlink() or not folder.is_dir():
            what = "it stands where a folder of the export is to be"
            raise RefusedError(str(folder), what, "export into a new folder")

    def _require_ours(self) -> None:
        if not self.root.exists() or {path.name for path in self.root.iterdir()} <= {PARTIAL}:
            return
        marker = self.root / MARKER
        if not marker.is_file() or marker.is_symlink() or self._read(marker) != self._mark:
            what = f"it is not empty, and no export of {self._mark['cluster']} {self._mark['point']} was begun there"
            raise RefusedError(str(self.root), what, "name a new or an empty folder")

    def _read(self, marker: Path) -> object:
        try:
            return json.loads(marker.read_bytes())
        except ValueError:
            return None

    def _require_private(self) -> None:
        self.root.chmod(0o700)
        if self.root.stat().st_mode & 0o077:
            what = "others can read it and that cannot be changed; the export holds private keys"
            raise RefusedError(str(self.root), what, "export onto a file system that has permissions")

    @contextmanager
    def _errors(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            raise RefusedError(
                str(path),
                exc.strerror or str(exc),
                "see to the folder's permissions and free space, then rerun",
            ) from exc


def _is_file_name(part: str) -> bool:
    try:
        encoded = os.fsencode(part)
    except UnicodeEncodeError:
        return False
    return part not in {"", ".", ".."} and b"\0" not in encoded and len(encoded) <= _LONGEST
