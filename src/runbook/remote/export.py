"""A recovery point as plain files, for a restore without this project: the vendor's tar and the storage's tree.

Memory is that of the index and of the metadata's references, whatever the images weigh. An export that was cut
short is finished by beginning it again: what is there and right is kept.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from pydantic import SecretStr

from runbook.domain.errors import MismatchError
from runbook.domain.export import IMAGES, README, TAR, parts_to_export, readme
from runbook.domain.image_index import Held, IndexEntry
from runbook.domain.recovery import METADATA, SIDECAR, Manifest, StoredPart, part_key
from runbook.domain.second_copy import require_copyable, vanished
from runbook.domain.snapshot import digest_of_key
from runbook.remote.archive import CHUNK, Tee, read_metadata, summarize_metadata
from runbook.remote.bounded import bounded
from runbook.remote.copy_limits import CopyLimits
from runbook.remote.export_folder import ExportFolder
from runbook.remote.image_index import ImageIndex
from runbook.remote.second_copy import read_sound_index
from runbook.remote.vault import NotThereError, Vault
from runbook.remote.wanted_blobs import id_of

logger = logging.getLogger(__name__)


@dataclass
class Exported:
    """What an export wrote, and what was there already."""

    written: int = 0
    bytes: int = 0
    kept: int = 0

    def __str__(self) -> str:
        return f"{self.written} files written ({self.bytes / 1e6:.1f} MB), {self.kept} were there"


def export_point(
    vault: Vault, manifest: Manifest, identity: SecretStr, to: Path, limits: CopyLimits | None = None
) -> Exported:
    """Leave the point as plain files in `to`, its page last: while that is missing, the export is not whole."""
    require_copyable(manifest)
    parts = parts_to_export(manifest)
    index = read_sound_index(vault, manifest, identity)
    folder = ExportFolder(to, manifest)
    folder.begin()
    folder.require_room(_sizes(folder, manifest, parts, index))
    export = _Export(vault, manifest, identity, folder)
    for name, plain in parts.items():
        export.write_part(name, plain)
    export.write_images(index, limits or CopyLimits())
    folder.settle()
    export.write_readme(parts)
    folder.end()
    return export.done


def _sizes(
    folder: ExportFolder, manifest: Manifest, parts: Mapping[str, str], index: ImageIndex
) -> Iterator[int]:
    """Yield the size of each file that is not there yet; every path is looked at before the first is written."""
    files = [(plain, manifest.objects[name].plain_size) for name, plain in parts.items()]
    for path, size in (*files, (README, CHUNK)):
        if folder.size_of(path) != size:
            yield size
    for entry in index:
        if folder.size_of(f"{IMAGES}/{entry.path}") != entry.size:
            yield entry.size


class _Export:
    """Writes the files of one point into its folder."""

    def __init__(self, vault: Vault, manifest: Manifest, identity: SecretStr, folder: ExportFolder) -> None:
        self._vault, self._manifest, self._identity, self._folder = vault, manifest, identity, folder
        self._digest_of_id: dict[str, str] = {}
        self.done = Exported()

    def write_part(self, name: str, plain: str) -> None:
        part = self._manifest.objects[name]
        size, there = part.plain_size, self._is_there(plain, part.plain_size, part.plain_sha256)
        if not there:
            self._open_part(name, plain, part)
        self._note(size, there)

    def _open_part(self, name: str, plain: str, part: StoredPart) -> None:
        key = part_key(self._manifest.cluster, self._manifest.id, name)
        try:
            stream = read_metadata(self._vault, key, self._identity)
        except NotThereError as exc:
            raise vanished(self._manifest.id, key) from exc
        with stream, self._folder.writer(plain) as file:
            size, sha256 = _carry(stream, file)
            if (size, sha256) != (part.plain_size, part.plain_sha256):
                what = f"opened it has {size} bytes and sha256 {sha256}, not what its manifest names"
                raise MismatchError(f"{self._vault.where}/{key}", what, "choose another recovery point")

    def write_images(self, index: ImageIndex, limits: CopyLimits) -> None:
        """Write the storage's tree. Digests of id-named blobs are known to the metadata alone."""
        if self._manifest.images.layout not in {"standard", "empty"}:
            with self._folder.open(TAR) as tar:
                blobs = summarize_metadata(tar).references.blobs
            self._digest_of_id = {row.identifier: digest for digest, row in blobs.items() if row.identifier}
        for size, there in bounded(self._write_image, index, workers=limits.workers, window=limits.window):
            self._note(size, there)

    def _write_image(self, entry: IndexEntry) -> tuple[int, bool]:
        path = f"{IMAGES}/{entry.path}"
        if entry.held is Held.BLOB:
            return entry.size, self._write_blob(entry, path)
        content = entry.target.encode() if entry.held is Held.LINK else entry.data
        there = self._folder.size_of(path) == len(content) and self._content_of(path) == content
        if not there:
            with self._folder.writer(path) as file:
                file.write(content)
        return len(content), there

    def _content_of(self, path: str) -> bytes:
        with self._folder.open(path) as file:
            return file.read()

    def _write_blob(self, entry: IndexEntry, path: str) -> bool:
        digest = self._digest_of(entry)
        if self._is_there(path, entry.size, digest):
            return True
        key = f"{self._manifest.cluster}/{entry.key}"
        try:
            stream = self._vault.open(key)
        except NotThereError as exc:
            raise vanished(self._manifest.id, entry.key) from exc
        with stream, self._folder.writer(path) as file:
            size, sha256 = _carry(stream, file)
            if size != entry.size or digest not in {None, sha256}:
                what = f"it has {size} bytes and sha256 {sha256}, the index says {entry.size} and {digest}"
                raise MismatchError(f"{self._vault.where}/{key}", what, "choose another recovery point")
        return False

    def _digest_of(self, entry: IndexEntry) -> str | None:
        known = digest_of_key(entry.key) or self._digest_of_id.get(id_of(entry.key)) or entry.sha256
        return known.removeprefix("sha256:") or None

    def write_readme(self, parts: Mapping[str, str]) -> None:
        others = tuple(plain for name, plain in parts.items() if name not in {METADATA, SIDECAR})
        document = json.loads(self._content_of(parts[SIDECAR]))
        sidecar: dict[str, Any] = document if isinstance(document, dict) else {}
        with self._folder.writer(README) as file:
            file.write(readme(self._manifest, sidecar, others).encode())

    def _is_there(self, path: str, size: int, digest: str | None) -> bool:
        return self._folder.size_of(path) == size and digest in {None, self._folder.sha256_of(path)}

    def _note(self, size: int, there: bool) -> None:
        if there:
            self.done.kept += 1
        else:
            self.done.written += 1
            self.done.bytes += size


def _carry(stream: BinaryIO, file: BinaryIO) -> tuple[int, str]:
    """Copy a stream to its end and return its size and digest."""
    tee = Tee(sink=cast("Any", file))
    while data := stream.read(CHUNK):
        tee.write(data)
    return tee.size, tee.sha256
