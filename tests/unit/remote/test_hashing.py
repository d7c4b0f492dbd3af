import hashlib
import threading
from pathlib import Path

from runbook.domain.sampling import Item
from runbook.remote.hashing import hashed
from runbook.remote.vault_file import FileVault


def filled(folder: Path, count: int) -> tuple[FileVault, list[Item]]:
    items = []
    for number in range(count):
        data = bytes([number % 251]) * (number * 37)
        (folder / f"{number:04}").write_bytes(data)
        items.append(Item(f"{number:04}", len(data), hashlib.sha256(data).hexdigest()))
    return FileVault(folder), items


def test_objects_come_hashed_and_in_their_order(tmp_path: Path) -> None:
    vault, items = filled(tmp_path, 300)
    read = list(hashed(vault, "", iter(items)))
    assert [seen.item for seen in read] == items
    assert [seen.sha256 for seen in read] == [item.sha256 for item in items]


def test_an_object_larger_than_the_buffer_is_hashed_whole(tmp_path: Path) -> None:
    data = bytes(range(256)) * 5000
    (tmp_path / "large").write_bytes(data)
    (seen,) = hashed(FileVault(tmp_path), "", [Item("large", len(data))])
    assert seen.sha256 == hashlib.sha256(data).hexdigest()


def test_one_that_is_not_there_or_cannot_be_read_says_so_and_the_others_are_read(tmp_path: Path) -> None:
    vault, items = filled(tmp_path, 3)
    (tmp_path / "0001").unlink()
    (tmp_path / "0002").unlink()
    (tmp_path / "0002").mkdir()
    problems = [seen.problem for seen in hashed(vault, "", [*items, items[0]])]
    assert problems[:2] == [None, "is not in the vault"]
    assert "Is a directory" in (problems[2] or "")
    assert problems[3] is None


def test_what_is_yielded_has_no_gap_when_it_is_ended(tmp_path: Path) -> None:
    vault, items = filled(tmp_path, 1500)
    asked, lock = [0], threading.Lock()

    def go_on() -> bool:
        with lock:
            asked[0] += 1
            return asked[0] <= 700

    read = [seen.item for seen in hashed(vault, "", items, go_on)]
    assert 0 < len(read) <= 700
    assert read == items[: len(read)]
