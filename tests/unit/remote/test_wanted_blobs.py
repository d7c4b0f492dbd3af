from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from runbook.domain.image_index import Held, IndexEntry
from runbook.remote.vault_file import FileVault
from runbook.remote.wanted_blobs import WantedBlob, WantedBlobs, blobs_of, save_wanted, saved_wanted

A, B = "a" * 64, "b" * 64
STANDARD, BY_ID = f"blobs/sha256/aa/{A}", "blobs/id/1f/1f-x"
KEYS = st.lists(st.sampled_from([f"blobs/id/0{n}/0{n}" for n in range(8)]), max_size=12)


def blob(key: str, point: str, sha256: str = "", kept: str = "") -> WantedBlob:
    return WantedBlob(key, 5, kept, sha256, point)


def test_a_blob_that_points_share_is_wanted_once_and_by_the_newest() -> None:
    old = WantedBlobs([blob(BY_ID, "p1", B, "md5"), blob(STANDARD, "p1", A)])
    assert list(old.merged([blob(BY_ID, "p2")])) == [blob(BY_ID, "p2", B, "md5"), blob(STANDARD, "p1", A)]


@given(first=KEYS, second=KEYS)
def test_merged_blobs_ascend_and_each_is_there_once_in_whatever_order_an_index_has_them(
    first: list[str], second: list[str]
) -> None:
    wanted = WantedBlobs().merged(blob(k, "p1") for k in first).merged(blob(k, "p2") for k in second)
    assert [seen.key for seen in wanted] == sorted({*first, *second})
    assert {seen.key for seen in wanted if seen.point == "p2"} == set(second)


def test_an_index_gives_its_blobs_with_the_digests_that_are_known() -> None:
    index = [
        IndexEntry("p", 5, "e", Held.BLOB, STANDARD, "md5"),
        IndexEntry("q", 5, "e", Held.LINK, target=f"sha256:{A}"),
        IndexEntry("r", 5, "e", Held.BLOB, BY_ID),
        IndexEntry("s", 5, "e", Held.BLOB, "blobs/id/2f/2f-x"),
    ]
    assert list(blobs_of(index, "p1", {"1f-x": f"sha256:{B}"})) == [
        blob(STANDARD, "p1", A, "md5"),
        blob(BY_ID, "p1", B),
        blob("blobs/id/2f/2f-x", "p1"),
    ]


def test_the_list_is_kept_in_the_vault_and_replaced(tmp_path: Path) -> None:
    vault = FileVault(tmp_path)
    assert saved_wanted(vault, "prod") is None
    many = WantedBlobs(blob(f"blobs/id/00/{n:06}", "p1", B) for n in range(10_000))
    for wanted in (many, WantedBlobs([blob(STANDARD, "p1", A)]), WantedBlobs()):
        save_wanted(vault, "prod", wanted)
        assert list(saved_wanted(vault, "prod") or ()) == list(wanted)
    vault.put_bytes("prod/verifications/blobs.zst", b"damaged")
    assert saved_wanted(vault, "prod") is None
