from pathlib import Path

import pytest

from runbook.domain.disaster import Unfinished
from runbook.remote.unfinished import note_begun, note_outlived, note_proven, unfinished_restore
from runbook.remote.vault_file import FileVault
from tests.fakes.clusters import IDS

BEGUN = Unfinished("20261122T013000Z-0123abcd", IDS[0])


@pytest.fixture
def vault(tmp_path: Path) -> FileVault:
    return FileVault(tmp_path)


def test_a_restore_is_on_record_from_its_beginning_until_it_is_proven(vault: FileVault) -> None:
    assert unfinished_restore(vault, "lab") is None
    note_begun(vault, "lab", BEGUN)
    assert unfinished_restore(vault, "lab") == BEGUN
    assert unfinished_restore(vault, "other") is None
    note_proven(vault, "lab")
    assert unfinished_restore(vault, "lab") is None


def test_a_newer_recovery_point_closes_the_matter(vault: FileVault) -> None:
    note_begun(vault, "lab", BEGUN)
    assert note_outlived(vault, "lab", "20261123T013000Z-00000000") == BEGUN
    assert unfinished_restore(vault, "lab") is None


@pytest.mark.parametrize("published", [BEGUN.point, "20261121T013000Z-ffffffff"])
def test_an_older_recovery_point_says_nothing_of_it(vault: FileVault, published: str) -> None:
    note_begun(vault, "lab", BEGUN)
    assert note_outlived(vault, "lab", published) is None
    assert unfinished_restore(vault, "lab") == BEGUN


def test_nothing_is_outlived_where_no_restore_began(vault: FileVault) -> None:
    assert note_outlived(vault, "lab", "20261123T013000Z-00000000") is None
