import io
import tarfile

import pytest

from runbook.remote.tar_walker import ROW_LIMIT, TarWalker
from tests.fakes.metadata_archive import TABLES, archive


def walk(data: bytes, step: int = 4096, wanted: str = "tags") -> tuple[TarWalker, list[bytes]]:
    rows: list[bytes] = []
    walker = TarWalker(frozenset({wanted}), lambda _, row: rows.append(row))
    for start in range(0, len(data), step):
        walker.feed(data[start : start + step])
    return walker, rows


ROWS = {"tags": [{"pk": f"a/b:{number}", "text": "x" * number} for number in range(40)], "crons": [{}]}


@pytest.mark.parametrize("step", [1, 7, 511, 512, 513, 10_240, 1_000_000])
def test_sees_the_same_however_the_stream_is_cut(step: int) -> None:
    walker, rows = walk(archive(ROWS), step)
    assert walker.root == "dtr-backup-v2.9.29-online"
    assert walker.tables == {table: 0 for table in TABLES} | {"tags": 40, "crons": 1, "properties": 1}
    assert len(rows) == 40
    assert (walker.ended_properly, walker.trouble) == (True, [])


@pytest.mark.parametrize("tar_format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_reads_every_format_of_tar(tar_format: int) -> None:
    walker, rows = walk(archive(ROWS, tar_format=tar_format))
    assert (len(rows), walker.ended_properly) == (40, True)


@pytest.mark.parametrize("tar_format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_reads_names_that_do_not_fit_a_header(tar_format: int) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tar_format) as tar:
        member = tarfile.TarInfo(f"root/rethink/{'t' * 120}/{'1' * 90}")
        member.size = 5
        tar.addfile(member, io.BytesIO(b"[1,2]"))
    walker, rows = walk(buffer.getvalue(), wanted="t" * 120)
    assert (walker.tables, rows) == ({"t" * 120: 1}, [b"[1,2]"])


def test_a_stream_cut_anywhere_has_not_ended() -> None:
    whole = archive(ROWS)
    end = len(whole.rstrip(b"\0"))
    for cut in range(0, end + 512, 97):
        assert not walk(whole[:cut])[0].ended_properly


def test_one_end_block_is_not_enough() -> None:
    whole = archive(ROWS)
    content = -(-len(whole.rstrip(b"\0")) // 512) * 512
    assert not walk(whole[: content + 512])[0].ended_properly
    assert walk(whole[: content + 1024])[0].ended_properly


def test_data_after_the_end_is_trouble() -> None:
    walker, _ = walk(archive(ROWS) + b"x" * 512)
    assert not walker.ended_properly
    assert walker.trouble == ["there is data after its end"]


def test_text_is_no_tar() -> None:
    walker, _ = walk(b"INFO[0000] Beginning backup\n" * 100)
    assert not walker.ended_properly
    assert "header cannot be read" in walker.trouble[0]


def test_a_row_that_cannot_be_read_is_named() -> None:
    def refuse(table: str, row: bytes) -> None:
        raise ValueError("it is not JSON")

    walker = TarWalker(frozenset({"tags"}), refuse)
    walker.feed(archive({"tags": [{}, {}]}))
    assert walker.trouble == ["tags/0: it is not JSON", "tags/1: it is not JSON"]
    assert walker.ended_properly


def test_a_row_beyond_the_limit_is_named_and_not_held() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        member = tarfile.TarInfo("root/rethink/tags/0")
        member.size = ROW_LIMIT + 1
        tar.addfile(member, io.BytesIO(bytes(ROW_LIMIT + 1)))
    walker, rows = walk(buffer.getvalue(), 1 << 20)
    assert (rows, walker.trouble, walker.ended_properly) == (
        [],
        [f"tags/0: it has {ROW_LIMIT + 1} bytes"],
        True,
    )
