from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runbook.domain.recovery import MANIFEST, part_key, points_prefix
from runbook.remote.prune import Removal, measure_skew, remove_point, skew_without_a_write, survey_points
from runbook.remote.vault_file import FileVault

FIRST = "20261120T000000Z-0a1b2c3d"


@pytest.fixture
def vault(tmp_path: Path) -> FileVault:
    vault = FileVault(tmp_path)
    vault.put_bytes(part_key("prod", FIRST, MANIFEST), b"{}")
    return vault


def test_a_point_that_was_finished_since_it_was_judged_stays(vault: FileVault) -> None:
    removal = remove_point(vault, "prod", FIRST, finished=False, still_allowed=lambda: None)
    assert removal == Removal(False, "it was finished meanwhile")
    assert vault.head(part_key("prod", FIRST, MANIFEST))


def test_the_vaults_clock_is_compared_with_ours_and_nothing_is_left(vault: FileVault) -> None:
    before = [seen.key for seen in vault.list("prod/")]
    assert abs(measure_skew(vault, "prod")) < timedelta(seconds=5)
    assert [seen.key for seen in vault.list("prod/")] == before


def test_two_machines_that_compare_clocks_at_once_are_not_in_each_others_way(tmp_path: Path) -> None:
    class Noting(FileVault):
        written: list[str] = []

        def put_bytes(self, key: str, data: bytes, *, only_if_absent: bool = False) -> str:
            self.written.append(key)
            return super().put_bytes(key, data, only_if_absent=only_if_absent)

    for _ in range(2):
        measure_skew(Noting(tmp_path), "prod")
    first, second = Noting.written
    assert first != second


def test_without_a_write_a_vault_that_is_ahead_shows_by_its_newest_object(vault: FileVault) -> None:
    survey = survey_points(vault, "prod")
    assert skew_without_a_write(survey, datetime.now(UTC)) < timedelta(seconds=5)
    assert skew_without_a_write(survey, datetime.now(UTC) - timedelta(hours=1)) > timedelta(minutes=59)
    assert skew_without_a_write(survey_points(vault, "other"), datetime.now(UTC)) == timedelta()


def test_a_folder_among_the_points_that_is_none_is_named(vault: FileVault) -> None:
    assert survey_points(vault, "prod").foreign == ()
    vault.put_bytes(f"{points_prefix('prod')}{FIRST}.keep/manifest.json", b"{}")
    vault.put_bytes(f"{points_prefix('prod')}README", b"a file is no folder")
    assert survey_points(vault, "prod").foreign == (f"{FIRST}.keep",)
