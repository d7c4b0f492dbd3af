"""Reading a tar while it goes by: who is in it, did it end, and the rows that the proof needs.

Memory is bounded: of each member no more than its name is kept, except rows of the tables that are asked for,
one at a time and only up to a limit.
"""

import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field

from runbook.remote.tar_header import Header, parse_header

BLOCK = 512
ROW_LIMIT = 16 * 1024 * 1024
_LONG_NAME, _PAX, _PAX_GLOBAL = b"L", b"x", b"g"
_ZEROS = bytes(BLOCK)

TakeRow = Callable[[str, bytes], None]


@dataclass
class TarWalker:
    """Fed with a tar's bytes in order; the fields tell what was seen so far."""

    wanted: frozenset[str]  # tables whose rows are handed to `take_row`
    take_row: TakeRow  # may raise ValueError for a row that cannot be read
    watched: frozenset[str] = frozenset()  # members whose size is noted, without `./`
    sizes: dict[str, int] = field(default_factory=dict)
    entries: int = 0
    root: str = ""
    tables: dict[str, int] = field(default_factory=dict)
    trouble: list[str] = field(default_factory=list)
    _pending: bytearray = field(default_factory=bytearray)  # less than a block, or a member's wanted content
    _skip: int = 0  # bytes of content that nobody wants
    _need: int = BLOCK  # bytes that `_pending` must reach
    _on_content: Callable[[bytes], None] | None = None
    _long_name: str = ""
    _end_blocks: int = 0
    _broken: bool = False

    @property
    def ended_properly(self) -> bool:
        """True when two end blocks were there and nothing but zeros followed."""
        return self._end_blocks >= 2 and not self._broken and not any(self._pending)  # noqa: PLR2004 - as tar says

    def feed(self, data: bytes) -> None:
        """Take the next bytes, however they are cut."""
        view = memoryview(data)
        while view and not self._broken:
            if self._skip:
                step = min(self._skip, len(view))
                self._skip -= step
            else:
                step = min(self._need - len(self._pending), len(view))
                self._pending += view[:step]
                if len(self._pending) == self._need:
                    self._complete()
            view = view[step:]

    def _complete(self) -> None:
        block, self._pending, self._need = bytes(self._pending), bytearray(), BLOCK
        if self._on_content is not None:
            take, self._on_content = self._on_content, None
            take(block)
        elif block == _ZEROS:
            self._end_blocks += 1
        elif self._end_blocks:
            self._fail("there is data after its end")
        else:
            self._header(block)

    def _header(self, block: bytes) -> None:
        try:
            member = parse_header(block)
        except tarfile.HeaderError as exc:
            self._fail(f"a header cannot be read: {exc}")
            return
        padded = -(-member.size // BLOCK) * BLOCK if self._has_content(member) else 0
        name, self._long_name = self._long_name or member.name, ""
        if member.type in {_LONG_NAME, _PAX}:
            self._collect(member.size, padded, self._remember_name(member.type))
        elif member.type == _PAX_GLOBAL:
            self._skip = padded
        else:
            self._member(name, member, padded)

    def _has_content(self, member: Header) -> bool:
        return member.isreg() or member.type in {_LONG_NAME, _PAX, _PAX_GLOBAL}

    def _member(self, name: str, member: Header, padded: int) -> None:
        self._skip = padded
        parts = [part for part in name.split("/") if part not in {"", "."}]
        self.root = self.root or (parts[0] if parts else "")
        self.entries += 1
        if member.isreg() and (path := "/".join(parts)) in self.watched:
            self.sizes[path] = member.size
        if len(parts) < 3 or parts[0] != self.root or parts[1] != "rethink":  # noqa: PLR2004 - root/rethink/table
            return
        table = parts[2]
        self.tables.setdefault(table, 0)
        if not member.isreg():
            return
        self.tables[table] += 1
        if table in self.wanted:
            self._want_row(table, "/".join(parts[2:]), member.size, padded)

    def _want_row(self, table: str, name: str, size: int, padded: int) -> None:
        if not 0 < size <= ROW_LIMIT:
            self.trouble.append(f"{name}: it has {size} bytes")
            return
        self._skip = 0
        self._collect(size, padded, lambda data: self._row(table, name, data))

    def _row(self, table: str, name: str, data: bytes) -> None:
        try:
            self.take_row(table, data)
        except ValueError as exc:
            self.trouble.append(f"{name}: {exc}")

    def _collect(self, size: int, padded: int, take: Callable[[bytes], None]) -> None:
        if padded > ROW_LIMIT + BLOCK:
            self._fail(f"a header has {size} bytes")
        elif padded:
            self._need = padded
            self._on_content = lambda data: take(data[:size])

    def _remember_name(self, kind: bytes) -> Callable[[bytes], None]:
        def remember(data: bytes) -> None:
            name = data.rstrip(b"\0") if kind == _LONG_NAME else _pax_path(data)
            self._long_name = name.decode(errors="surrogateescape")

        return remember

    def _fail(self, what: str) -> None:
        self.trouble.append(what)
        self._broken = True


def _pax_path(records: bytes) -> bytes:
    """Return the `path` of pax records (`<length> key=value\\n` each), empty if they have none."""
    while records:
        length, _, _ = records.partition(b" ")
        if not length.isdigit() or not int(length):
            return b""
        record, records = records[len(length) + 1 : int(length) - 1], records[int(length) :]
        key, _, value = record.partition(b"=")
        if key == b"path":
            return value
    return b""
