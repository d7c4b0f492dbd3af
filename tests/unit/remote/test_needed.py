import tracemalloc

from runbook.remote.needed import Needed


def test_a_needed_blob_costs_no_more_than_ninety_bytes_of_memory() -> None:
    keys = [f"prod/blobs/sha256/aa/{number:064x}" for number in range(100_000)]
    needed = Needed()
    tracemalloc.start()
    try:
        for key in keys:
            needed.add(key)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(needed) == len(keys)
    assert held / len(keys) < 90
    assert keys[0] in needed
    assert "prod/blobs/sha256/aa/other" not in needed
