import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook.remote.tar_header import Header, parse_header


def by_tarfile(block: bytes) -> Header:
    member = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    return Header(member.name, member.size, member.type)


def header(
    name: str, size: int, kind: bytes = tarfile.REGTYPE, tar_format: int = tarfile.GNU_FORMAT
) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.type = size, kind
    return member.tobuf(tar_format)[-512:]


@pytest.mark.parametrize("tar_format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE])
@pytest.mark.parametrize("name", ["a", "root/rethink/tags/0", "folder/", "é", "x" * 100, "d/" * 60 + "long"])
def test_a_header_says_what_the_standard_library_reads(name: str, kind: bytes, tar_format: int) -> None:
    block = header(name, 77, kind, tar_format)
    assert parse_header(block) == by_tarfile(block)


@pytest.mark.parametrize("size", [0, 511, 8**11 - 1, 8**11, 2**40])
def test_a_size_is_read_however_large(size: int) -> None:
    assert parse_header(header("a", size)).size == size


@given(place=st.integers(0, 511), value=st.integers(0, 255))
def test_a_byte_that_was_changed_is_noticed_as_the_standard_library_notices_it(
    place: int, value: int
) -> None:
    block = bytearray(header("root/rethink/tags/0", 77))
    block[place] = value
    try:
        expected = by_tarfile(bytes(block))
    except tarfile.HeaderError as error:
        with pytest.raises(type(error)):
            parse_header(bytes(block))
    else:
        assert parse_header(bytes(block)) == expected
