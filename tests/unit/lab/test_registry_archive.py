import asyncio
import io
import tarfile
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from registry.bootstrapper import archive, frames
from registry.bootstrapper.console import FatalError
from registry.tables import TABLES

ROOT = "dtr-backup-v2.9.29-online"


@pytest.fixture(autouse=True)
def version(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    monkeypatch.setenv("DTR_VERSION", "2.9.29")
    yield monkeypatch


class Rows:
    """Tables that hold two tags and a scanned image."""

    async def rows(self, table: str) -> AsyncIterator[dict[str, Any]]:
        rows = {"tags": [{"pk": "a/b:1"}, {"pk": "a/b:2"}], "scanned_images": [{"pk": "x"}]}
        for row in rows.get(table, []):
            yield row


def dumped(*, scan_data: bool = True) -> bytes:
    async def collect() -> bytes:
        tables: Any = Rows()
        return b"".join([part async for part in archive.dump_tables(tables, ROOT, scan_data=scan_data)])

    return asyncio.run(collect())


def test_a_dump_is_a_tar_of_folders_and_rows() -> None:
    with tarfile.open(fileobj=io.BytesIO(dumped())) as tar:
        names = tar.getnames()
    assert names[:2] == [ROOT, f"{ROOT}/rethink"]
    assert [name for name in names if "/tags" in name] == [
        f"{ROOT}/rethink/tags",
        f"{ROOT}/rethink/tags/0",
        f"{ROOT}/rethink/tags/1",
    ]
    assert len(names) == 2 + len(TABLES) + 3


def test_scan_data_may_be_left_out_and_its_folders_stay() -> None:
    with tarfile.open(fileobj=io.BytesIO(dumped(scan_data=False))) as tar:
        assert [name for name in tar.getnames() if "scanned_images" in name] == [
            f"{ROOT}/rethink/scanned_images"
        ]


def test_rows_come_back() -> None:
    rows = list(archive.read_rows(io.BytesIO(dumped())))
    assert rows == [("tags", {"pk": "a/b:1"}), ("tags", {"pk": "a/b:2"}), ("scanned_images", {"pk": "x"})]


def test_a_whole_archive_is_complete() -> None:
    archive.check_complete(io.BytesIO(dumped()))


def test_an_archive_cut_anywhere_is_not_complete() -> None:
    whole = dumped()
    for size in (0, 100, 512, 1000, len(whole) // 2, len(whole) - 2048, len(whole) - 1024, len(whole) - 1):
        with pytest.raises(FatalError, match="unexpected EOF"):
            archive.check_complete(io.BytesIO(whole[:size]))


@pytest.mark.parametrize("mine", ["2.9.29", "2.9.0"])
def test_a_backup_of_the_same_minor_is_taken(version: pytest.MonkeyPatch, mine: str) -> None:
    version.setenv("DTR_VERSION", mine)
    archive.check_version(dumped()[:512])


@pytest.mark.parametrize("mine", ["2.8.29", "2.10.1", "2.4.1"])
def test_a_backup_of_another_minor_is_refused(version: pytest.MonkeyPatch, mine: str) -> None:
    version.setenv("DTR_VERSION", mine)
    with pytest.raises(FatalError, match="The backup is of version 2.9.29"):
        archive.check_version(dumped()[:512])


def test_frames_carry_a_request_and_data_to_their_end() -> None:
    stream = io.BytesIO(
        frames.request_frame({"command": "restore"}) + frames.frame(b"tar") + frames.END + b"rest"
    )
    assert frames.read_request(stream) == {"command": "restore"}
    assert list(frames.read(stream)) == [b"tar"]


def test_input_that_breaks_off_is_an_error() -> None:
    with pytest.raises(frames.BrokenInputError):
        list(frames.read(io.BytesIO(frames.frame(b"data")[:-1])))
