from dataclasses import replace

import pytest

from runbook.domain.findings import Level
from runbook.domain.node_facts import NodeFacts, judge_node

FINE = NodeFacts("20.10.24", "dtr1", 0.1, 50 * 1024**3, True, ())


def judge(facts: NodeFacts, *, dedicated: bool = True) -> list[tuple[Level, str]]:
    return [
        (f.level, f.what) for f in judge_node("dtr1", facts, image="docker/dtr:2.9.29", dedicated=dedicated)
    ]


def test_a_node_without_problems_is_one_line() -> None:
    assert judge(FINE) == [(Level.OK, "engine 20.10.24, clock, disk, image and workload are fine")]


@pytest.mark.parametrize(
    ("facts", "level", "words"),
    [
        (replace(FINE, swarm_name="dtr9"), Level.BLOCKS, "calls itself dtr9"),
        (replace(FINE, clock_skew=-61.0), Level.WARNING, "clock is -61 s off"),
        (replace(FINE, free_bytes=1024**3), Level.BLOCKS, "1.0 GiB are free"),
        (replace(FINE, image_present=False), Level.WARNING, "docker/dtr:2.9.29 is not there"),
        (replace(FINE, workloads=("shop",)), Level.WARNING, "user workload on a registry node: shop"),
    ],
)
def test_each_problem_has_its_level_and_its_words(facts: NodeFacts, level: Level, words: str) -> None:
    ((found, what),) = judge(facts)
    assert found is level
    assert words in what


def test_all_problems_are_named_at_once() -> None:
    assert len(judge(replace(FINE, clock_skew=60, free_bytes=0, workloads=("shop",)))) == 3


def test_a_manager_may_run_other_containers() -> None:
    assert judge(replace(FINE, workloads=("shop",)), dedicated=False)[0][0] is Level.OK


@pytest.mark.parametrize(
    ("facts", "readable"), [(replace(FINE, free_bytes=0), True), (replace(FINE, swarm_name="dtr9"), False)]
)
def test_a_node_short_of_disk_can_be_read_and_another_machine_than_the_named_one_cannot(
    facts: NodeFacts, readable: bool
) -> None:
    (found,) = judge_node("dtr1", facts, image="docker/dtr:2.9.29", dedicated=True)
    assert (found.level, found.readable) == (Level.BLOCKS, readable)
