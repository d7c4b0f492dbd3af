from datetime import UTC, datetime, timedelta

import pytest

from runbook.domain.sampling import Rotation
from runbook.domain.vault_report import NAMED, VaultReport
from runbook.domain.verification import (
    KEPT,
    Damage,
    Mode,
    State,
    state_from_json,
    state_to_json,
    still_known,
)

NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)
BAD = Damage("blobs/a", "blobs/a is not in the vault")
FLIPPED = Damage("blobs/b", "blobs/b hashes to x", "e1")


def test_a_state_reads_back_as_it_was_written() -> None:
    state = State(Rotation(1 << 63, 5, NOW, None)).after((Mode.FULL, NOW), {"p": [BAD, FLIPPED], "q": []})
    assert state_from_json(state_to_json(state), "here") == state
    assert state_from_json(state_to_json(State()), "here") == State()


def test_a_damaged_state_is_told_apart() -> None:
    with pytest.raises(ValueError, match="seal"):
        state_from_json(state_to_json(State()).replace(b'"cursor": 0', b'"cursor": 1'), "here")


def test_a_record_names_the_first_finding_the_number_of_others_and_the_run() -> None:
    record = State().after((Mode.SAMPLE, NOW), {"p": [BAD, FLIPPED]}).records["p"]
    assert record.damage == "blobs/a is not in the vault, and 1 more (sample of 2026-11-22 04:00 UTC)"
    assert record.with_damages((FLIPPED,)).damage == "blobs/b hashes to x (sample of 2026-11-22 04:00 UTC)"
    assert record.with_damages(()).damage is None


def test_a_record_keeps_when_each_mode_ended_and_only_so_many_findings() -> None:
    later = NOW + timedelta(days=1)
    many = [Damage(f"blobs/{n}", "gone") for n in range(KEPT + 5)]
    record = State().after((Mode.FULL, NOW), {"p": many}).after((Mode.QUICK, later), {"p": many}).records["p"]
    assert record.seen == {Mode.FULL: NOW, Mode.QUICK: later}
    assert (len(record.damages), record.found, record.last) == (KEPT, KEPT + 5, Mode.QUICK)


def test_a_point_that_was_removed_on_purpose_has_no_record() -> None:
    state = State().after((Mode.QUICK, NOW), {"p": [], "q": []})
    assert state.after((Mode.QUICK, NOW), {"q": []}, gone={"p"}).records.keys() == {"q"}


def test_what_was_found_is_known_until_the_object_is_read_again_or_is_another_one() -> None:
    etags = {"blobs/b": "e1"}

    def etag_of(key: str) -> str:
        return etags.get(key, "")

    assert still_known([BAD, FLIPPED], etag_of) == (BAD, FLIPPED)
    assert still_known([BAD, FLIPPED], etag_of, read={"blobs/b"}) == (BAD,)
    assert still_known([BAD, FLIPPED], etag_of, read=None) == ()
    etags.update({"blobs/a": "back", "blobs/b": "e2"})
    assert still_known([BAD, FLIPPED], etag_of) == ()


def test_a_report_says_what_was_read_and_how_far_samples_came() -> None:
    sample = VaultReport(Mode.SAMPLE, 2, 3, 4, 1_500_000, rotation=Rotation(0, 1 << 62, NOW, NOW))
    assert sample.sentence() == (
        "sample: 2 points, 3 objects of theirs and 4 blobs read, 1.5 MB; samples cover 25% of this round "
        "since 2026-11-22, all was last read from 2026-11-22 on"
    )
    assert VaultReport(Mode.QUICK, 2, blobs=4).sentence() == "quick: 2 points and 4 blobs by listing"


def test_a_report_counts_more_findings_than_it_names() -> None:
    report = VaultReport(Mode.FULL)
    for _ in range(NAMED + 1):
        report.note(BAD)
    assert (report.found, len(report.damages), report.sound) == (NAMED + 1, NAMED, False)
