"""The backup archive: rows of tables as files of a tar (contract section 7)."""

import asyncio
import json
import tarfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import BinaryIO

from registry import version
from registry.bootstrapper.console import FatalError
from registry.tables import SCAN_TABLES, TABLES, JsonRow, Tables, dump

_BLOCK = 512
_END = b"\0" * (2 * _BLOCK)
_PREFIX = "dtr-backup-v"
_DEPTH = 4  # root/rethink/<table>/<number>


async def first_block(reader: asyncio.StreamReader) -> bytes:
    """Return the first header of the tar on stdin."""
    try:
        return await reader.readexactly(_BLOCK)
    except asyncio.IncompleteReadError as exc:
        raise FatalError("Failed to read the backup from stdin: EOF unexpected end of file") from exc


def check_version(header: bytes) -> None:
    """Fail unless the header begins a backup of this version's major.minor."""
    try:
        root = tarfile.TarInfo.frombuf(header, "utf-8", "strict").name.split("/")[0]
    except tarfile.HeaderError as exc:
        raise FatalError(f"Failed to read the backup from stdin: it is no tar archive ({exc})") from exc
    found = root.removeprefix(_PREFIX).removesuffix("-online")
    if not root.startswith(_PREFIX):
        raise FatalError(f"Failed to read the backup from stdin: '{root}' is no DTR backup")
    if not version.same_minor(found, version.current()):
        raise FatalError(
            f"The backup is of version {found} but this is {version.current()}; restore it with {found}"
        )


def _directory(name: str) -> bytes:
    info = tarfile.TarInfo(name + "/")
    info.type, info.mode = tarfile.DIRTYPE, 0o700
    return info.tobuf(tarfile.GNU_FORMAT)


def _file(name: str, content: bytes) -> bytes:
    info = tarfile.TarInfo(name)
    info.mode, info.size, info.mtime = 0o600, len(content), int(time.time())
    return info.tobuf(tarfile.GNU_FORMAT) + content + b"\0" * (-len(content) % _BLOCK)


async def dump_tables(tables: Tables, root: str, *, scan_data: bool) -> AsyncIterator[bytes]:
    """Yield the archive, table by table, each row as it is when its turn comes."""
    yield _directory(root) + _directory(f"{root}/rethink")
    for table in TABLES:
        folder = f"{root}/rethink/{table}"
        yield _directory(folder)
        if table in SCAN_TABLES and not scan_data:
            continue
        number = 0
        async for row in tables.rows(table):
            yield _file(f"{folder}/{number}", dump(row))
            number += 1
    yield _END


def read_rows(spool: BinaryIO) -> Iterator[tuple[str, JsonRow]]:
    """Yield (table, row) for each row of a complete archive."""
    with tarfile.open(fileobj=spool, mode="r:") as tar:
        for member in tar:
            parts = Path(member.name).parts
            content = tar.extractfile(member) if member.isfile() else None
            if content is not None and len(parts) == _DEPTH:
                yield parts[2], json.load(content)


def check_complete(spool: BinaryIO) -> None:
    """Fail unless the archive ends as a tar does and has every table."""
    tables = set()
    try:
        spool.seek(0)
        with tarfile.open(fileobj=spool, mode="r:") as tar:
            tables = {Path(member.name).name for member in tar if member.isdir()}
            spool.seek(tar.offset)
        ended = spool.read(2 * _BLOCK) == _END
    except (tarfile.TarError, OSError) as exc:
        raise FatalError(f"Failed to read the backup: unexpected EOF ({exc})") from exc
    missing = [table for table in TABLES if table not in tables]
    if missing or not ended:
        what = f"table {missing[0]} is missing" if missing else "the end of the archive is missing"
        raise FatalError(f"Failed to read the backup: unexpected EOF, {what}")
    spool.seek(0)


def spooled(frames: Iterator[bytes], spool: BinaryIO) -> BinaryIO:
    """Return the spool, filled with what the frames hold."""
    for data in frames:
        spool.write(data)
    return spool
