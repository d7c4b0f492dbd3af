from dataclasses import replace

import pytest

from runbook.domain.changes import require_majority
from runbook.domain.errors import RefusedError
from runbook.domain.health import ClusterSeen
from runbook.domain.repair import Move, plan_repair, plan_replace
from runbook.domain.self_reports import doubtful, recently_well
from runbook.domain.shrink import choose_removal, plan_named, plan_shrink
from tests.fakes.clusters import IDS, alive, dead, registry_nodes

NODES = registry_nodes(5)
NAMES = [node.name for node in NODES]
NOW = "2026-11-25T02:00:00.123456789Z"
CUT_OFF = ClusterSeen((alive(1), alive(2)), ("dtr3",), IDS[:3], {IDS[n]: f"dtr{n + 1}" for n in range(3)})
VOUCHED = replace(CUT_OFF, vouched={IDS[2]: NOW})


def test_a_member_may_live_where_we_see_nothing_or_its_services_run_and_not_where_it_is_gone_or_stopped() -> (
    None
):
    assert doubtful(CUT_OFF, NAMES) == (IDS[2],)
    assert doubtful(replace(CUT_OFF, unreachable=()), NAMES) == ()
    assert doubtful(replace(CUT_OFF, unreachable=()), NAMES[:2]) == (IDS[2],)  # outside of the file
    stopped = replace(CUT_OFF, replicas=(alive(1), alive(2), dead(3)), unreachable=())
    assert doubtful(stopped, NAMES) == ()
    no_way = replace(alive(3), why_not_healthy="no answer in time")
    assert doubtful(replace(stopped, replicas=(alive(1), alive(2), no_way)), NAMES) == (IDS[2],)


@pytest.mark.parametrize(
    ("health", "reported_at", "well"),
    [
        ("OK", "2026-11-25T01:59:55Z", True),
        ("OK", "2026-11-25T03:59:55+02:00", True),
        ("OK", "2026-11-25T01:54:00Z", False),
        ("OK", "no time", False),
        ("OK", "", False),
        ("Replica reported health too long ago: 2026-11-25T01:59:55Z", "2026-11-25T01:59:55Z", False),
        ("rethinkdb: no quorum", "2026-11-25T01:59:55Z", False),
    ],
)
def test_a_report_counts_if_it_says_well_and_is_about_as_young_as_those_of_the_others(
    health: str, reported_at: str, well: bool
) -> None:
    told = recently_well([IDS[2]], {IDS[0]: "OK", IDS[2]: health}, {IDS[0]: NOW, IDS[2]: reported_at})
    assert told == ({IDS[2]: reported_at} if well else {})


@pytest.mark.parametrize(
    "change",
    [
        lambda seen: plan_repair(seen, NODES, 3),
        lambda seen: plan_shrink(seen, NODES, 1),
        lambda seen: plan_named(seen, NODES, ["dtr3", "dtr2"]),
        lambda seen: plan_replace(seen, NODES, Move("dtr3", "dtr4")),
        lambda seen: choose_removal(seen, IDS[2]),
    ],
    ids=["repair", "remove", "remove by name", "replace", "one removal"],
)
def test_a_member_that_only_we_cannot_reach_is_not_taken_for_dead(change) -> None:  # type: ignore[no-untyped-def]
    change(CUT_OFF)
    with pytest.raises(RefusedError, match="the registry itself says that it is healthy, last at") as refused:
        change(VOUCHED)
    assert refused.value.where == "dtr3"
    assert "dtr3 does not answer" in refused.value.what
    assert refused.value.next_step.startswith("mend the way from here to dtr3: SSH")


def test_with_most_members_cut_off_from_us_the_way_is_named_and_not_a_restore() -> None:
    most = replace(VOUCHED, replicas=(alive(1),), unreachable=("dtr2", "dtr3"))
    with pytest.raises(RefusedError, match="the registry itself says that it is healthy"):
        require_majority(most, "repair")
