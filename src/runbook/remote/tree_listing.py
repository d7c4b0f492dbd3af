"""A tree of files on some machine as one sorted listing: two commands, whatever the number of files.

A file system has no entity tag that says what a file holds. Link files are small, so their content comes along,
in a stream of its own beside the listing, and its MD5 stands where a bucket would show one. Of any other file the
time of its last change stands there, which says nothing of its content.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import BinaryIO, NamedTuple

from runbook.domain.errors import RefusedError, UnreachableError
from runbook.domain.snapshot import SortedLookup, StoredObject
from runbook.remote.machine import Machine
from runbook.remote.silence import SilenceLimit
from runbook.remote.transport import RunningCommand

NO_FOLDER = 66
PROBED_WITHIN = 120.0
"""Seconds for a look at one file: the mount of a share whose server is gone waits for ever."""
_READ = 256 * 1024
_ENTER = f'export LC_ALL=C; cd -- "$1" 2>/dev/null || exit {NO_FOLDER}; '
_LIST = _ENTER + r"find . -type f -printf '%s %T@ %P\0' | sort -z -t ' ' -k 3"
_LINKS = (
    _ENTER
    + r"find . -type f -name link -size -2 -printf '%P\0' | sort -z | xargs -0 -r grep -a -H -z -Z -e '' --"
)
_ANY = _ENTER + "find . -type f -print -quit"
_VANISHED = "No such file or directory"  # uploads come and go while `find` walks
_OF_A_PROGRAM = re.compile(r"(\S*/)?(find|sort|grep|xargs|tar): ")
_NONE_MATCHED = (0, 1, 123)  # of grep below xargs: a file that is empty, or that has vanished


class _Link(NamedTuple):
    path: str
    content: bytes


def list_tree(machine: Machine, root: str, where: str) -> Iterator[StoredObject]:
    """Yield every file below `root` in byte order of the paths, links with the MD5 of what they hold."""
    with ExitStack() as commands:
        listing = commands.enter_context(_running(machine, _LIST, root, where))
        links = commands.enter_context(_running(machine, _LINKS, root, where, _NONE_MATCHED))
        contents = SortedLookup(_links(links.stdout), lambda link: link.path)
        for record in _records(listing.stdout):
            size, changed, name = record.split(b" ", 2)
            path = name.decode(errors="surrogateescape")
            link = contents.find(path) if path.endswith("/link") else None
            yield StoredObject(
                path, int(size), _tag(link, int(size)) or f"{changed.decode()}-{size.decode()}"
            )


def has_files(machine: Machine, root: str, where: str, within: float = PROBED_WITHIN) -> bool:
    """Tell whether there is any file below `root`; RefusedError if the folder is not there."""
    with _running(machine, _ANY, root, where) as command, probe_limit(where, within).over(command):
        return bool(command.stdout.read())


def probe_limit(where: str, within: float) -> SilenceLimit:
    """Return what ends a short look at files that does not come back, as on a share whose server is gone."""
    what = f"a look at its files did not end within {within:.0f} s"
    next_step = "see that the share's server is up, or mount it anew (`ls` hangs there too), then rerun"
    return SilenceLimit(within, lambda: UnreachableError(where, what, next_step))


def complaints_in(said: Iterable[str], fine: Sequence[str]) -> list[str]:
    """Return what the programs complained of, without what is `fine`, and without what a login shell says."""
    return [line for line in said if _OF_A_PROGRAM.match(line) and not any(text in line for text in fine)]


def _tag(link: _Link | None, size: int) -> str:
    if link is None or len(link.content) != size:
        return ""
    return hashlib.md5(link.content, usedforsecurity=False).hexdigest()


@contextmanager
def _running(
    machine: Machine, script: str, root: str, where: str, fine: Sequence[int] = (0,)
) -> Iterator[RunningCommand]:
    """Yield a command that reads the tree; RefusedError at its end if it could not read all of it."""
    said: list[str] = []
    with machine.start(("sh", "-c", script, "sh", root), on_stderr=said.append) as command:
        yield command
        status = command.wait()
    if status == NO_FOLDER:
        raise RefusedError(where, "there is no such folder", "mount it, or correct the cluster file")
    complaints = complaints_in(said, (_VANISHED,))
    if complaints or status not in fine:
        what = complaints[0] if complaints else f"its files could not be listed, status {status}"
        raise RefusedError(where, what, "see that the user may read every folder and that the disk is sound")


def _records(stream: BinaryIO) -> Iterator[bytes]:
    """Yield what stands before each NUL."""
    rest = b""
    while data := stream.read1(_READ):  # type: ignore[attr-defined]  # every command's output is buffered
        *whole, rest = (rest + data).split(b"\0")
        yield from whole


def _links(stream: BinaryIO) -> Iterator[_Link]:
    """Yield the files that `grep -Z -z` shows: a name and a piece of content by turns."""
    records = _records(stream)
    for name in records:
        yield _Link(name.decode(errors="surrogateescape"), next(records, b""))
