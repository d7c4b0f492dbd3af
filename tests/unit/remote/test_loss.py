from collections.abc import Mapping
from pathlib import Path

import pytest

from runbook.domain.restore_plan import NAMED
from runbook.remote.image_index import ImageIndex
from runbook.remote.loss import Difference, compare
from runbook.remote.snapshot import take_pass
from runbook.remote.vault_file import FileVault
from tests.fakes.memory_storage import MemoryStorage
from tests.fakes.stored_images import blob_path, tree_of

OLD = tree_of("org/app", {"v1": [b"manifest one"]}, [b"layer one"])


@pytest.fixture
def index(tmp_path: Path) -> ImageIndex:
    """What a snapshot of the old tree knows."""
    return take_pass(MemoryStorage(OLD), FileVault(tmp_path), "prod").index


def seen(index: ImageIndex, objects: Mapping[str, bytes]) -> Difference:
    return compare(index, MemoryStorage(objects))


def test_a_storage_that_is_as_the_point_knows_it_loses_nothing(index: ImageIndex) -> None:
    assert seen(index, OLD) == Difference()


def test_a_later_tag_is_named_where_the_storage_shows_it(index: ImageIndex) -> None:
    later = tree_of("org/app", {"v2": [b"manifest two"]}, [b"layer two"])
    difference = seen(index, {**OLD, **later})
    assert (difference.newer, difference.missing, list(difference.later)) == (2, 0, ["org/app:v2"])


def test_a_tag_that_was_moved_later_is_named(index: ImageIndex) -> None:
    moved = tree_of("org/app", {"v1": [b"manifest one", b"manifest two"]}, [])
    assert list(seen(index, {**OLD, **moved}).later) == ["org/app:v1"]


def test_a_later_push_is_named_by_its_repository_where_tags_are_in_metadata_alone(index: ImageIndex) -> None:
    later = tree_of("org/web", {}, [b"layer two", b"layer three"])
    assert list(seen(index, {**OLD, **later}).later) == ["org/web"]


def test_what_the_storage_lacks_is_counted_and_not_lost(index: ImageIndex) -> None:
    left = {path: data for path, data in OLD.items() if path != blob_path(b"layer one")}
    assert seen(index, left) == Difference(newer=0, missing=1)
    assert seen(index, {}) == Difference(newer=0, missing=2)


def test_no_more_is_remembered_than_is_named(index: ImageIndex) -> None:
    many: dict[str, bytes] = {}
    for number in range(3 * NAMED):
        many |= tree_of(f"org/app{number:02}", {}, [b"layer"])
    assert list(seen(index, many).later) == [f"org/app{number:02}" for number in range(NAMED + 1)]
