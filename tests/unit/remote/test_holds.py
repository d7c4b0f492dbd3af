from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runbook.domain.errors import MismatchError
from runbook.domain.holds import HoldRecord
from runbook.remote.holds import hold, hold_key, release
from runbook.remote.vault import AlreadyThereError
from runbook.remote.vault_file import FileVault

GC = "onlinegc"
SATURDAY = "0 0 3 * * 6"


class FakeScheduler:
    """A registry's schedules; `deaf` ones take every order and do nothing."""

    def __init__(self, *, deaf: bool = False) -> None:
        self.schedules = {GC: SATURDAY, "license_update": "@daily"}
        self.deaf = deaf

    def crons(self) -> Mapping[str, str]:
        return dict(self.schedules)

    def set_cron(self, action: str, schedule: str) -> None:
        if not self.deaf:
            self.schedules[action] = schedule

    def delete_cron(self, action: str) -> None:
        self.schedules.pop(action, None)

    def running_jobs(self) -> tuple[str, ...]:
        return ()


@pytest.fixture
def vault(tmp_path: Path) -> FileVault:
    return FileVault(tmp_path)


def record(owner: str = "run-1") -> HoldRecord:
    return HoldRecord(owner, {GC: SATURDAY}, datetime(2026, 11, 22, 5, 0, tzinfo=UTC))


def test_a_hold_takes_only_garbage_collection_away_and_remembers_it(vault: FileVault) -> None:
    scheduler = FakeScheduler()
    hold(vault, "prod", scheduler, record(), (GC,))
    assert scheduler.schedules == {"license_update": "@daily"}
    assert HoldRecord.from_json(vault.get_bytes(hold_key("prod"))) == record()


def test_a_release_puts_the_schedule_back_and_forgets_the_hold(vault: FileVault) -> None:
    scheduler = FakeScheduler()
    hold(vault, "prod", scheduler, record(), (GC,))
    assert release(vault, "prod", scheduler) == record()
    assert scheduler.schedules[GC] == SATURDAY
    assert vault.head(hold_key("prod")) is None
    assert release(vault, "prod", scheduler) is None


def test_a_second_try_of_the_same_run_keeps_the_schedule_that_its_first_try_saw(vault: FileVault) -> None:
    scheduler = FakeScheduler()
    hold(vault, "prod", scheduler, record(), (GC,))
    nothing_left_to_see = HoldRecord("run-1", {}, record().since)
    assert hold(vault, "prod", scheduler, nothing_left_to_see, (GC,)).schedules == {GC: SATURDAY}
    release(vault, "prod", scheduler)
    assert scheduler.schedules[GC] == SATURDAY


def test_a_hold_of_another_run_is_not_overwritten(vault: FileVault) -> None:
    scheduler = FakeScheduler()
    hold(vault, "prod", scheduler, record(), (GC,))
    with pytest.raises(AlreadyThereError):
        hold(vault, "prod", scheduler, record("run-2"), (GC,))


def test_a_registry_that_does_not_take_its_schedule_back_is_a_mismatch_and_stays_on_record(
    vault: FileVault,
) -> None:
    scheduler = FakeScheduler(deaf=True)
    hold(vault, "prod", scheduler, record(), (GC,))
    with pytest.raises(MismatchError, match="onlinegc is never and was"):
        release(vault, "prod", scheduler)
    assert vault.head(hold_key("prod")) is not None
