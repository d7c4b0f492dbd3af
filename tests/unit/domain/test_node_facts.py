from dataclasses import replace

import pytest

from runbook.domain.findings import Level
from runbook.domain.node_facts import ContainerFacts, NodeFacts, WantedImage, judge_node

FINE = NodeFacts("20.10.24", "dtr1", 0.1, 50 * 1024**3, True)
IMAGE = WantedImage("docker/dtr:2.9.29", "2.9.29", "docker pull docker/dtr:2.9.29")
SHOP = ContainerFacts("shop", running=True, ports=(443,))


def judge(
    facts: NodeFacts, *, dedicated: bool = True, ports: tuple[int, ...] = ()
) -> list[tuple[Level, str]]:
    found = judge_node("dtr1", facts, image=IMAGE, dedicated=dedicated, ports=ports)
    return [(f.level, f.what) for f in found]


def part(service: str, version: str = "2.9.29") -> ContainerFacts:
    return ContainerFacts(f"dtr-{service}-aaaaaaaaaaaa", running=True, version=version, ports=(80, 443))


def test_a_node_without_problems_is_one_line() -> None:
    assert judge(FINE) == [(Level.OK, "engine 20.10.24, clock, disk, image and workload are fine")]


@pytest.mark.parametrize(
    ("facts", "level", "words"),
    [
        (replace(FINE, swarm_name="dtr9"), Level.BLOCKS, "calls itself dtr9"),
        (replace(FINE, clock_skew=-61.0), Level.WARNING, "clock is -61 s off"),
        (replace(FINE, free_bytes=1024**3), Level.BLOCKS, "1.0 GiB are free"),
        (replace(FINE, image_present=False), Level.WARNING, "docker/dtr:2.9.29 is not there"),
        (
            replace(FINE, image_present=False, why_not_pullable="no such host"),
            Level.WARNING,
            "docker/dtr:2.9.29 is not there and cannot be pulled: no such host",
        ),
        (
            replace(FINE, image_version="2.9.28"),
            Level.BLOCKS,
            "docker/dtr:2.9.29 is version 2.9.28 there",
        ),
        (replace(FINE, containers=(SHOP,)), Level.WARNING, "user workload on a registry node: shop"),
        (
            replace(FINE, containers=(part("nginx"), part("api", "2.9.28"))),
            Level.WARNING,
            "dtr-api-aaaaaaaaaaaa is 2.9.28, dtr-nginx-aaaaaaaaaaaa is 2.9.29",
        ),
        (
            replace(FINE, containers=(ContainerFacts("dtr-phase2", running=True),)),
            Level.WARNING,
            "a bootstrapper is at work",
        ),
        (
            replace(FINE, containers=(ContainerFacts("dtr-phase2", running=False),)),
            Level.WARNING,
            "left by a bootstrapper that died",
        ),
    ],
)
def test_each_problem_has_its_level_and_its_words(facts: NodeFacts, level: Level, words: str) -> None:
    ((found, what),) = judge(facts)
    assert found is level
    assert words in what


def test_all_problems_are_named_at_once() -> None:
    assert len(judge(replace(FINE, clock_skew=60, free_bytes=0, containers=(SHOP,)))) == 3


def test_a_manager_may_run_other_containers() -> None:
    assert judge(replace(FINE, containers=(SHOP,)), dedicated=False)[0][0] is Level.OK


def test_a_container_that_does_not_run_is_no_workload() -> None:
    assert judge(replace(FINE, containers=(replace(SHOP, running=False),)))[0][0] is Level.OK


@pytest.mark.parametrize(
    ("facts", "taken"),
    [
        (FINE, None),
        (replace(FINE, listeners={22: "sshd"}), None),
        (replace(FINE, listeners={443: "nginx"}), "port 443 is taken by nginx"),
        (replace(FINE, listeners={443: ""}), "port 443 is taken by a process"),
        (
            replace(FINE, containers=(SHOP,), listeners={80: "apache2", 443: "docker-proxy"}),
            "port 80 is taken by apache2, port 443 is taken by container shop",
        ),
        (replace(FINE, containers=(part("nginx"),), listeners={80: "docker-proxy", 443: ""}), None),
    ],
)
def test_a_replicas_ports_are_free_or_its_own(facts: NodeFacts, taken: str | None) -> None:
    ((level, what),) = judge(facts, dedicated=False, ports=(443, 80))
    assert level is (Level.BLOCKS if taken else Level.OK)
    assert what == taken or not taken


def test_ports_of_a_node_that_is_to_have_no_replica_may_be_taken() -> None:
    assert judge(replace(FINE, listeners={443: "nginx"}), ports=())[0][0] is Level.OK


@pytest.mark.parametrize(
    ("facts", "readable"), [(replace(FINE, free_bytes=0), True), (replace(FINE, swarm_name="dtr9"), False)]
)
def test_a_node_short_of_disk_can_be_read_and_another_machine_than_the_named_one_cannot(
    facts: NodeFacts, readable: bool
) -> None:
    (found,) = judge_node("dtr1", facts, image=IMAGE, dedicated=True)
    assert (found.level, found.readable) == (Level.BLOCKS, readable)
