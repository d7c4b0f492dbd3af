import io
import json
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from runbook.domain.errors import MismatchError, RefusedError
from runbook.domain.image_index import Held, IndexEntry
from runbook.remote.encryption import generate_identity
from runbook.remote.image_index import ImageIndex, parse_index, read_index, write_index
from runbook.remote.vault_file import FileVault

IDENTITY, RECIPIENT = generate_identity()


def entries(count: int) -> Iterator[IndexEntry]:
    return (IndexEntry(f"path/{n:06}", n, "etag", Held.BLOB, f"blobs/id/00/{n:06}") for n in range(count))


@pytest.mark.parametrize("count", [0, 1, 4095, 4096, 4097, 10_000])
def test_an_index_reads_back_as_often_as_it_is_needed(tmp_path: Path, count: int) -> None:
    index, vault = ImageIndex(entries(count)), FileVault(tmp_path)
    assert len(index) == count
    assert list(index) == list(index) == list(entries(count))
    part = write_index(vault, "index", index, [RECIPIENT])
    assert list(read_index(vault, "index", IDENTITY)) == list(index)
    assert part.size == len(vault.get_bytes("index"))


def test_an_index_can_be_sent_to_another_process() -> None:
    assert list(pickle.loads(pickle.dumps(ImageIndex(entries(5000))))) == list(entries(5000))


HEADER, FOOTER = b'{"format": 1}\n', b'{"entries":1}\n'
LINE = next(entries(1)).to_line().encode() + b"\n"


def test_a_cut_index_is_found() -> None:
    for text in (b"", HEADER, HEADER + LINE, HEADER + FOOTER, HEADER + LINE[:-9], HEADER + LINE * 2 + FOOTER):
        with pytest.raises(MismatchError, match="the index"):
            list(parse_index(io.BytesIO(text), "x"))
    assert len(list(parse_index(io.BytesIO(HEADER + LINE + FOOTER), "x"))) == 1


def test_an_index_of_a_newer_format_is_refused() -> None:
    text = json.dumps({"format": 2}).encode()
    with pytest.raises(
        RefusedError, match=r"format version 2, this program reads up to 1\nNext: use the newer version"
    ):
        list(parse_index(io.BytesIO(text), "x"))
