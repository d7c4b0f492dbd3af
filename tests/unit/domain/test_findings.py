from runbook.domain.errors import ForeignFileError, MismatchError, RefusedError, UnreachableError
from runbook.domain.findings import Finding, Level, error_for, from_error, lower, ok, tolerate

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


def test_one_kind_of_refusal_is_lowered_and_no_other() -> None:
    by_hand = from_error(ForeignFileError("lb1", "written by hand", "take it over"))
    lowered = lower([by_hand, WRONG_KEY, ok("dtr1", "fine")], ForeignFileError)
    assert [finding.level for finding in lowered] == [Level.WARNING, Level.BLOCKS, Level.OK]


def test_silence_is_tolerated_only_where_a_node_may_be_lost_and_only_silence() -> None:
    lowered = tolerate([SILENT, WRONG_KEY], {"dtr1", "dtr2"})
    assert [finding.level for finding in lowered] == [Level.WARNING, Level.BLOCKS]
    assert tolerate([SILENT], {"dtr9"})[0].level is Level.BLOCKS
