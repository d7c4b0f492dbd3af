import pytest

from runbook.domain.sealed_blobs import is_sealed, plain_key, why_not_size
from runbook.domain.snapshot import digest_of_key

KEY = "blobs/sha256/ab/" + "ab" * 32


@pytest.mark.parametrize("key", [f"{KEY}.age", f"prod/{KEY}.age", f"blobs/{KEY}.age", "blobs/id/ab/abcd.age"])
def test_an_encrypted_blob_is_told_by_its_key(key: str) -> None:
    assert is_sealed(key)
    assert plain_key(key) == key.removesuffix(".age")


@pytest.mark.parametrize(
    "key",
    [KEY, f"prod/{KEY}", "prod/points/p/sidecar.json.age", "blobs/points/p/sidecar.json.age", "x.age", ""],
)
def test_everything_else_is_not_one(key: str) -> None:
    assert not is_sealed(key)
    assert plain_key(key) == key


def test_the_key_of_an_encrypted_blob_promises_the_digest_of_its_plain_bytes() -> None:
    assert digest_of_key(f"{KEY}.age") == digest_of_key(KEY) == f"sha256:{'ab' * 32}"


@pytest.mark.parametrize(
    ("size", "seen"), [(0, 200 + 32), (65536, 65536 + 200 + 32), (65537, 65537 + 200 + 48)]
)
def test_a_size_is_judged_by_what_age_adds(size: int, seen: int) -> None:
    assert why_not_size(f"{KEY}.age", size, 0, seen) is None
    assert why_not_size(f"{KEY}.age", size, seen, seen) is None
    for wrong in (size, seen - 200, seen + 70_000):
        assert f"has {wrong} bytes in the vault" in str(why_not_size(f"{KEY}.age", size, 0, wrong))
    assert why_not_size(f"{KEY}.age", size, seen, seen + 1) == (
        f"has {seen + 1} bytes in the vault, the index says {seen}"
    )


def test_a_plain_blob_has_its_own_size() -> None:
    assert why_not_size(KEY, 5, 0, 5) is None
    assert why_not_size(KEY, 5, 0, 6) == "has 6 bytes in the vault, the index says 5"
