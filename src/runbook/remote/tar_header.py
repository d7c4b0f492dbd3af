"""One header block of a tar.

An archive may have a million small files, and the standard library needs 25 µs for a header: that alone would be
slower than the network. So the header of an ordinary file is read here, and every other one by `tarfile`.
"""

import tarfile
from typing import NamedTuple

_FILE = ord("0")
_SPACES = 8 * ord(" ")  # a checksum is taken as if it were blank itself


class Header(NamedTuple):
    """What a walk needs to know of a member."""

    name: str
    size: int
    type: bytes

    def isreg(self) -> bool:
        """Tell whether it is a file, in the words of `tarfile`."""
        return self.type in tarfile.REGULAR_TYPES


def parse_header(block: bytes) -> Header:
    """Return what a block of 512 bytes says; tarfile.HeaderError where it is no header."""
    return _ordinary_file(block) or _any_member(block)


def _ordinary_file(block: bytes) -> Header | None:
    """Return the header if everything in it is as tar programs write it for a file with a short name."""
    name, size, checksum = block[:100].partition(b"\0")[0], _octal(block[124:136]), _octal(block[148:155])
    if block[156] != _FILE or block[345] or size is None or name.endswith(b"/"):
        return None
    if sum(block) - sum(block[148:156]) + _SPACES != checksum:
        return None
    return Header(name.decode(errors="surrogateescape"), size, tarfile.REGTYPE)


def _any_member(block: bytes) -> Header:
    member = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    return Header(member.name, member.size, member.type)


def _octal(field: bytes) -> int | None:
    """Return the number of digits with a zero byte behind them, None where a field is written otherwise."""
    digits = field[:-1]
    if field[-1] or not digits.isdigit():
        return None
    try:
        return int(digits, 8)
    except ValueError:
        return None
