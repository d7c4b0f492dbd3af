from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runbook.domain.recovery import MANIFEST, METADATA, part_key, points_prefix
from runbook.remote.needed import Needed
from runbook.remote.prune import Removal, measure_skew, remove_point, skew_without_a_write, survey_points
from runbook.remote.sweep import sweep_blobs
from runbook.remote.vault_file import FileVault
from tests.fakes.vaults import FORBIDDEN, forbidding

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


def test_where_no_batch_may_be_deleted_the_rest_of_a_point_is_said_to_be_left(vault: FileVault) -> None:
    vault.put_bytes(part_key("prod", FIRST, METADATA), b"x")
    removal = remove_point(forbidding(vault), "prod", FIRST, finished=True, still_allowed=lambda: None)
    assert removal.gone
    left = part_key("prod", FIRST, METADATA)
    assert removal.why == f"1 of its objects are left, first: {left}: {FORBIDDEN}"


def test_where_no_batch_may_be_deleted_a_sweep_counts_what_is_left(vault: FileVault) -> None:
    vault.put_bytes("prod/blobs/id/a", b"x")
    now, grace = datetime.now(UTC), timedelta(days=-1)
    swept = sweep_blobs(forbidding(vault), "prod", Needed(), now=now, grace=grace, still_allowed=lambda: None)
    assert (swept.removed, swept.refusals, swept.refused) == (0, 1, {"prod/blobs/id/a": FORBIDDEN})


def test_the_vaults_clock_is_compared_with_ours_and_nothing_is_left(vault: FileVault) -> None:
    before = [seen.key for seen in vault.list("prod/")]
    assert abs(measure_skew(vault, "prod")) < timedelta(seconds=5)
    assert [seen.key for seen in vault.list("prod/")] == before


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
