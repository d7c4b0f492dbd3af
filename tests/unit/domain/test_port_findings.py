from itertools import permutations

from runbook.domain.findings import Level
from runbook.domain.port_findings import judge_paths
from runbook.domain.port_matrix import FILTERED, Path, Tried

NODES = ("dtr1", "dtr2", "dtr3", "ucp1")
ALL = set(permutations(NODES, 2))
GOSSIP = (7946, "gossip")


def tried(
    closed: set[tuple[str, str]], port: tuple[int, str] = GOSSIP, *, vital: bool = True, why: str = FILTERED
) -> list[Tried]:
    """Return every pair of nodes as tried on one port, those of `closed` without an answer."""
    return [
        Tried(Path(s, t, f"address of {t}", *port, vital), why if (s, t) in closed else None)
        for s, t in sorted(ALL | closed)
    ]


def words(paths: list[Tried]) -> list[str]:
    return [found.what for found in judge_paths(paths)]


def test_open_paths_are_one_line() -> None:
    (found,) = judge_paths(tried(set()))
    assert (found.level, found.what) == (Level.OK, "12 paths tried from 4 machines, none is closed")


def test_nothing_tried_is_nothing_said() -> None:
    assert judge_paths([]) == ()


def test_one_filtered_path_names_both_ends_and_the_port() -> None:
    (found,) = judge_paths(tried({("dtr1", "dtr2")}))
    assert (found.level, found.where) == (Level.BLOCKS, "network")
    assert found.what == "from dtr1 to dtr2 port 7946/tcp (gossip): filtered"
    assert found.next_step.startswith("open it in the firewall")


def test_a_port_that_is_filtered_everywhere_is_one_line() -> None:
    assert words(tried(ALL)) == ["between dtr1, dtr2, dtr3, ucp1 port 7946/tcp (gossip): filtered"]


def test_a_node_that_none_of_the_others_reaches_is_one_line() -> None:
    closed = {(source, target) for source, target in ALL if target == "dtr2"}
    assert words(tried(closed)) == ["from dtr1, dtr3, ucp1 to dtr2 port 7946/tcp (gossip): filtered"]


def test_a_node_that_reaches_none_of_the_others_is_one_line() -> None:
    closed = {(source, target) for source, target in ALL if source == "dtr2"}
    assert words(tried(closed)) == ["from dtr2 to dtr1, dtr3, ucp1 port 7946/tcp (gossip): filtered"]


def test_both_ways_between_two_nodes_are_one_line() -> None:
    closed = {("dtr1", "dtr2"), ("dtr2", "dtr1")}
    assert words(tried(closed)) == ["between dtr1, dtr2 port 7946/tcp (gossip): filtered"]


def test_no_line_says_more_than_was_seen() -> None:
    closed = {("dtr1", "dtr2"), ("dtr3", "dtr2"), ("dtr1", "ucp1")}
    assert sorted(words(tried(closed))) == [
        "from dtr1 to ucp1 port 7946/tcp (gossip): filtered",
        "from dtr1, dtr3 to dtr2 port 7946/tcp (gossip): filtered",
    ]


def test_ports_that_are_filtered_between_the_same_machines_are_one_line() -> None:
    pair = {("dtr1", "dtr2")}
    assert words(tried(pair) + tried(pair, (12376, "engine proxy"))) == [
        "from dtr1 to dtr2 ports 7946/tcp (gossip), 12376/tcp (engine proxy): filtered"
    ]


def test_a_port_that_a_registry_can_do_without_is_a_warning_of_its_own_below() -> None:
    pair = {("dtr1", "dtr2")}
    levels = [f.level for f in judge_paths(tried(pair, (179, "Calico"), vital=False) + tried(pair))]
    assert levels == [Level.BLOCKS, Level.WARNING]


def test_what_a_machine_says_itself_is_repeated() -> None:
    assert words(tried({("dtr1", "dtr2")}, why="No route to host")) == [
        "from dtr1 to dtr2 port 7946/tcp (gossip): No route to host"
    ]


def test_many_names_are_counted() -> None:
    many = {(f"dtr{n}", "storage") for n in range(1, 9)}
    assert words(tried(many, (9000, "S3"))) == [
        "from dtr1, dtr2, dtr3, dtr4, dtr5 and 3 more to storage port 9000/tcp (S3): filtered"
    ]
