from collections.abc import Mapping
from dataclasses import replace

import pytest

from runbook.domain.findings import Finding, Level
from runbook.domain.node_facts import NodeFacts
from runbook.domain.topology import NodeRole
from runbook.domain.vendor_rules import (
    judge_external_port,
    judge_nodes_together,
    judge_roles,
    judge_same_storage,
    judge_scheduler,
)

FINE = NodeFacts("20.10.24", "dtr1", 0.0, 50 * 1024**3, True)
BUCKET = {"storage": "s3://images at AWS", "mount": "volume dtr-registry-ID"}


def said(findings: tuple[Finding, ...]) -> list[tuple[Level, str]]:
    return [(found.level, found.what) for found in findings]


def test_nodes_with_one_engine_and_one_time_are_no_finding() -> None:
    assert judge_nodes_together({"dtr1": FINE, "dtr2": replace(FINE, clock_skew=4.0)}) == ()
    assert judge_nodes_together({}) == ()


def test_different_engines_are_named_with_their_nodes() -> None:
    seen = {"dtr1": FINE, "dtr2": FINE, "dtr3": replace(FINE, engine_version="23.0.1")}
    assert said(judge_nodes_together(seen)) == [
        (Level.WARNING, "engines differ: 20.10.24 on dtr1, dtr2; 23.0.1 on dtr3")
    ]


@pytest.mark.parametrize(
    ("skews", "words"),
    [
        ((3.0, -3.0), ["the clock of dtr1 is 6 s ahead of that of dtr2"]),
        ((2.0, -2.0), []),
        ((60.0, 0.0), []),  # far from this machine's: a finding of that node
    ],
)
def test_two_clocks_may_differ_though_neither_is_far_off(
    skews: tuple[float, float], words: list[str]
) -> None:
    seen = {f"dtr{n}": replace(FINE, clock_skew=skew) for n, skew in enumerate(skews, 1)}
    assert [what for _, what in said(judge_nodes_together(seen))] == words


def test_a_registry_node_that_is_a_manager_too_is_a_warning() -> None:
    wanted = {"ucp1": NodeRole.MANAGER, "dtr1": NodeRole.REGISTRY, "dtr2": NodeRole.REGISTRY}
    assert judge_roles(wanted, frozenset({"ucp1"})) == ()
    (found,) = judge_roles(wanted, frozenset({"ucp1", "dtr2"}))
    assert (found.level, found.where) == (Level.WARNING, "dtr2")


@pytest.mark.parametrize(
    ("allowed", "levels"), [(True, []), (False, [Level.BLOCKS]), (None, [Level.WARNING])]
)
def test_a_control_plane_must_let_administrators_deploy_on_registry_nodes(
    allowed: bool | None, levels: list[Level]
) -> None:
    assert [level for level, _ in said(judge_scheduler(allowed))] == levels


@pytest.mark.parametrize(("external", "replica", "count"), [(443, 443, 0), (443, 4443, 1), (8443, 443, 1)])
def test_an_external_port_other_than_the_replicas_is_a_warning(
    external: int, replica: int, count: int
) -> None:
    found = said(judge_external_port(external, replica))
    assert [level for level, _ in found] == [Level.WARNING] * count


@pytest.mark.parametrize("seen", [{}, {"dtr1": BUCKET}])
def test_fewer_than_two_replicas_have_nothing_to_compare(seen: Mapping[str, Mapping[str, str]]) -> None:
    assert judge_same_storage(seen) == ()


def test_replicas_with_one_storage_are_one_line() -> None:
    assert said(judge_same_storage({"dtr1": BUCKET, "dtr2": BUCKET})) == [
        (Level.OK, "the same on dtr1, dtr2")
    ]


def test_each_setting_that_differs_names_its_values_and_their_nodes() -> None:
    other = {"storage": BUCKET["storage"], "mount": "/mnt/images"}
    seen = {"dtr1": BUCKET, "dtr2": other, "dtr3": BUCKET}
    assert said(judge_same_storage(seen)) == [
        (Level.BLOCKS, "mount differs: /mnt/images on dtr2; volume dtr-registry-ID on dtr1, dtr3")
    ]
