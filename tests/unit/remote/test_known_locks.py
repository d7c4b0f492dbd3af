from datetime import UTC, datetime, timedelta

from runbook.remote.known_locks import KnownLocks

NOW = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)
KEYS = [f"prod/blobs/sha256/{number:064x}/data" for number in range(1000)]


def stored() -> bytes:
    locks = KnownLocks()
    for number, key in enumerate(KEYS):
        locks.add(key, NOW + timedelta(seconds=number))
    return locks.to_bytes()


def test_each_blob_is_found_with_its_own_time_and_no_other_is() -> None:
    known = KnownLocks.from_bytes(stored())
    assert len(known) == len(KEYS)
    assert [known.until(key) for key in KEYS] == [NOW + timedelta(seconds=n) for n in range(len(KEYS))]
    assert known.until("prod/blobs/sha256/other/data") is None


def test_a_blob_costs_twelve_bytes() -> None:
    assert len(stored()) < 12 * len(KEYS) + 200
