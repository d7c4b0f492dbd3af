from dataclasses import replace

from runbook.domain.errors import ForeignFileError, MismatchError, RefusedError, UnreachableError
from runbook.domain.findings import (
    Finding,
    Level,
    error_for,
    from_error,
    grouped,
    lower,
    not_judged,
    ok,
    spare,
    tolerate,
    without_repeats,
)

SILENT = from_error(UnreachableError("dtr1", "no answer", "start it"))
WRONG_KEY = from_error(RefusedError("dtr2", "its host key changed", "compare it"))


def test_nothing_blocks_when_all_is_well_or_only_warned_about() -> None:
    assert error_for([ok("dtr1", "fine"), Finding(Level.WARNING, "dtr2", "slow clock")]) is None


def test_a_single_blocking_finding_is_raised_in_its_own_words() -> None:
    error = error_for([ok("dtr2", "fine"), SILENT])
    assert isinstance(error, UnreachableError)
    assert str(error) == "dtr1: no answer\nNext: start it"


def test_several_blocking_findings_are_named_at_once_with_the_gravest_kind() -> None:
    error = error_for([SILENT, WRONG_KEY])
    assert type(error) is RefusedError
    assert "2 findings block: dtr1: no answer; dtr2: its host key changed" in str(error)
    assert "dtr1: start it; dtr2: compare it" in error.next_step


def test_a_mismatch_is_graver_than_silence() -> None:
    mismatch = from_error(MismatchError("vault", "wrong version", "use 2.9.29"))
    assert type(error_for([SILENT, mismatch])) is MismatchError
    assert type(error_for([SILENT, SILENT])) is UnreachableError


def test_two_checks_that_meet_the_same_error_make_one_finding() -> None:
    assert without_repeats([SILENT, WRONG_KEY, SILENT]) == (SILENT, WRONG_KEY)


def test_nodes_with_the_same_fault_share_a_row_below_what_blocks() -> None:
    full = [Finding(Level.BLOCKS, f"dtr{n}", "its disk is full", "free some") for n in (1, 2)]
    late = Finding(Level.WARNING, "dtr1", "its clock is off", "chrony")
    assert grouped([late, *full, SILENT]) == (replace(full[0], where="dtr1, dtr2"), SILENT, late)


def test_what_could_not_be_judged_has_its_own_row_unless_the_error_is_there() -> None:
    error = RefusedError("dtr2", "its host key changed", "compare it")
    beside = Finding(
        Level.WARNING,
        "lb1",
        "not judged, for dtr2 stands in the way",
        "act on that, then run `runbook check`",
    )
    assert not_judged("lb1", error) == (WRONG_KEY, beside)
    assert not_judged("dtr2", error) == (WRONG_KEY,)


def test_one_kind_of_refusal_is_lowered_and_no_other() -> None:
    by_hand = from_error(ForeignFileError("lb1", "written by hand", "take it over"))
    lowered = lower([by_hand, WRONG_KEY, ok("dtr1", "fine")], ForeignFileError)
    assert [finding.level for finding in lowered] == [Level.WARNING, Level.BLOCKS, Level.OK]


def test_silence_is_tolerated_only_where_a_node_may_be_lost_and_only_silence() -> None:
    lowered = tolerate([SILENT, WRONG_KEY], {"dtr1", "dtr2"})
    assert [finding.level for finding in lowered] == [Level.WARNING, Level.BLOCKS]
    assert tolerate([SILENT], {"dtr9"})[0].level is Level.BLOCKS


def test_a_backup_goes_on_beside_a_registry_node_that_could_take_no_new_replica() -> None:
    full = Finding(Level.BLOCKS, "dtr3", "0.5 GiB are free", "free some", readable=True)
    for_backup = tolerate([SILENT, WRONG_KEY, full], {"dtr1", "dtr2", "dtr3"}, only_reads=True)
    assert [finding.level for finding in for_backup] == [Level.WARNING, Level.BLOCKS, Level.WARNING]
    assert (for_backup[2].what, for_backup[2].next_step) == (full.what, full.next_step)
    assert tolerate([full], {"dtr1"}, only_reads=True) == (full,)


def test_nothing_else_goes_on_beside_a_registry_node_that_can_take_no_new_replica() -> None:
    full = Finding(Level.BLOCKS, "dtr3", "0.5 GiB are free", "free some", readable=True)
    assert tolerate([full], {"dtr3"}) == (full,)


def test_managers_may_be_silent_while_one_is_not() -> None:
    silent = [from_error(UnreachableError(name, "no answer", "start it")) for name in ("ucp1", "ucp2")]
    assert spare(["ucp1", "ucp2", "ucp3"], [*silent, ok("ucp3", "fine")]) == {"ucp1", "ucp2"}
    assert spare(["ucp1", "ucp2"], silent) == set()
    assert spare(["ucp1"], silent[:1]) == set()
