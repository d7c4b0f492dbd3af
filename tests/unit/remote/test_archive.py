import hashlib
import io
from pathlib import Path

import pytest
from pydantic import SecretStr

from runbook.domain.errors import MismatchError
from runbook.domain.metadata import why_not_complete
from runbook.domain.versions import Version
from runbook.remote.archive import part_of, read_metadata, stream_metadata, summarize_metadata
from runbook.remote.encryption import generate_identity
from runbook.remote.vault_file import FileVault
from tests.fakes.metadata_archive import archive, merged, rows_of_image

VERSION = Version(2, 9, 29)
TAR = archive(merged(rows_of_image("a/b", "1", b"{}", [b"one", b"two"]), {"repositories": [{"pk": "a/b"}]}))
KEY = "prod/points/x/metadata.tar.zst.age"


@pytest.fixture
def vault(tmp_path: Path) -> FileVault:
    return FileVault(tmp_path)


@pytest.fixture(scope="module")
def keys() -> tuple[SecretStr, str]:
    return generate_identity()


def test_what_goes_in_comes_out(vault: FileVault, keys: tuple[SecretStr, str]) -> None:
    with vault.writer(KEY) as sink:
        summary = stream_metadata(io.BytesIO(TAR), sink, [keys[1]])
    stored = vault.get_bytes(KEY)
    assert (summary.bytes_stored, summary.sha256_stored) == (len(stored), hashlib.sha256(stored).hexdigest())
    assert (summary.bytes_plain, summary.sha256_plain) == (len(TAR), hashlib.sha256(TAR).hexdigest())
    with read_metadata(vault, KEY, keys[0]) as stream:
        assert stream.read() == TAR
    assert part_of(summary).plain_size == len(TAR)


def test_the_summary_knows_what_went_by(vault: FileVault, keys: tuple[SecretStr, str]) -> None:
    with vault.writer(KEY) as sink:
        summary = stream_metadata(io.BytesIO(TAR), sink, [keys[1]])
    assert why_not_complete(summary, VERSION) is None
    assert [tag.reference for tag in summary.references.tags] == ["a/b:1"]
    assert (len(summary.references.blobs), summary.references.repositories) == (3, 1)


@pytest.mark.parametrize("tenth", range(10))
def test_a_producer_that_dies_at_any_tenth_is_noticed(tenth: int, keys: tuple[SecretStr, str]) -> None:
    cut = TAR[: len(TAR.rstrip(b"\0")) * tenth // 10]  # what follows is padding
    summary = stream_metadata(io.BytesIO(cut), io.BytesIO(), [keys[1]])
    reason = why_not_complete(summary, VERSION)
    assert reason is not None
    assert "empty" in reason or "cut off" in reason


def test_one_changed_byte_of_the_stored_archive_is_found(
    vault: FileVault, keys: tuple[SecretStr, str]
) -> None:
    with vault.writer(KEY) as sink:
        stream_metadata(io.BytesIO(TAR), sink, [keys[1]])
    stored = bytearray(vault.get_bytes(KEY))
    stored[len(stored) // 2] ^= 1
    vault.put_bytes(KEY, bytes(stored))
    with pytest.raises(MismatchError, match=KEY), read_metadata(vault, KEY, keys[0]) as stream:
        stream.read()


def test_a_plain_tar_is_summed_up_alike(keys: tuple[SecretStr, str]) -> None:
    there = stream_metadata(io.BytesIO(TAR), io.BytesIO(), [keys[1]])
    back = summarize_metadata(io.BytesIO(TAR))
    assert (back.sha256_plain, back.tables, back.references) == (
        there.sha256_plain,
        there.tables,
        there.references,
    )
