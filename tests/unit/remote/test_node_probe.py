from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook.domain.errors import MismatchError, RunbookError, UnreachableError
from runbook.domain.node_facts import ContainerFacts, NodeFacts
from runbook.remote.node_probe import probe_node, read_facts, sections_of
from runbook.remote.ssh import SshConnection
from tests.fakes.local_connection import LocalConnection

IMAGE = "docker/dtr:2.9.29"
DOCKER = """
case "$1 $2" in
  "info --format") printf '20.10.24\\ndtr1\\n/\\n198.18.0.11\\n\\n' ;;
  "image inspect") test -e "$0.image" && echo "present 2.9.28" ;;
  "manifest inspect") echo "no such manifest: $3" >&2; exit 1 ;;
  "ps -a")
    ports='0.0.0.0:80->80/tcp, :::80->80/tcp, 0.0.0.0:4443->443/tcp'
    printf 'dtr-nginx-aaaaaaaaaaaa\\tUp 3 hours (healthy)\\t2.9.29\\t%s\\n' "$ports"
    printf 'dtr-registry-aaaaaaaaaaaa\\tUp 3 hours\\t2.9.29\\t\\n'
    printf 'shop\\tExited (0) 2 days ago\\t\\t\\n'
    printf 'range\\tUp 1 second\\t\\t0.0.0.0:8000-8002->8000-8002/tcp\\n' ;;
  "inspect --format")
    printf '/dtr-registry-aaaaaaaaaaaa\\tvolume\\tdtr-registry-nfs-aaaaaaaaaaaa\\t/var/lib/x\\n' ;;
  "volume ls") echo dtr-registry-nfs-aaaaaaaaaaaa ;;
  "volume inspect") printf '%s\\t{"device":":/images"}\\n' "$5" ;;
  *) echo "docker $*: not known here" >&2; exit 2 ;;
esac
"""
SS = """cat <<'END'
State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process
LISTEN 0      128          0.0.0.0:22        0.0.0.0:*    users:(("sshd",pid=1,fd=3))
LISTEN 0      511             [::]:443          [::]:*    users:(("nginx",pid=7,fd=6),("nginx",pid=8,fd=6))
LISTEN 0      511                *:8181            *:*
END
"""


@pytest.fixture
def node(tmp_path: Path) -> LocalConnection:
    node = LocalConnection(tmp_path)
    node.program("docker", DOCKER)
    node.program("ss", SS)
    (tmp_path / "docker.image").touch()
    return node


def probe(node: LocalConnection, *, pulled_as: str = "") -> NodeFacts:
    return probe_node(cast("SshConnection", node), IMAGE, pulled_as=pulled_as)


def test_one_command_tells_all_of_a_node(node: LocalConnection) -> None:
    facts = probe(node)
    assert node.count == 1
    assert (facts.engine_version, facts.swarm_name, facts.address) == ("20.10.24", "dtr1", "198.18.0.11")
    assert facts.free_bytes > 0
    assert abs(facts.clock_skew) < 5
    assert (facts.image_present, facts.image_version) == (True, "2.9.28")


def test_containers_come_with_state_version_and_the_nodes_ports(node: LocalConnection) -> None:
    assert probe(node).containers == (
        ContainerFacts("dtr-nginx-aaaaaaaaaaaa", running=True, version="2.9.29", ports=(80, 4443)),
        ContainerFacts("dtr-registry-aaaaaaaaaaaa", running=True, version="2.9.29"),
        ContainerFacts("shop", running=False),
        ContainerFacts("range", running=True, ports=(8000, 8001, 8002)),
    )


def test_a_replicas_mount_is_told_without_the_replicas_own_id(node: LocalConnection) -> None:
    assert probe(node).storage_mounts == {"aaaaaaaaaaaa": 'volume dtr-registry-nfs-ID {"device":":/images"}'}


def test_who_listens_is_named_where_it_is_known(node: LocalConnection) -> None:
    assert probe(node).listeners == {22: "sshd", 443: "nginx", 8181: ""}


def test_without_ss_the_kernel_tells_the_ports(node: LocalConnection) -> None:
    node.program("ss", "exit 127")
    node.program(
        "cat",
        "echo '  sl  local_address rem_address   st'\n"
        "echo '   0: 00000000:01BB 00000000:0000 0A 00000000:00000000'\n"
        "echo '   1: 0100007F:0050 0100007F:1F90 01 00000000:00000000'\n",
    )
    assert probe(node).listeners == {443: ""}


@pytest.mark.parametrize(
    ("name", "why"), [("", None), ("my.registry/dtr:2.9.29", "no such manifest: my.registry/dtr:2.9.29")]
)
def test_an_image_that_is_not_there_is_looked_for_under_the_name_it_is_pulled_by(
    node: LocalConnection, tmp_path: Path, name: str, why: str | None
) -> None:
    (tmp_path / "docker.image").unlink()
    facts = probe(node, pulled_as=name)
    assert (facts.image_present, facts.why_not_pullable) == (False, why)


def test_a_node_whose_clock_is_wrong_is_off_by_that(node: LocalConnection) -> None:
    node.program("date", 'echo "1000.5"')
    assert probe(node).clock_skew < -1e9


def test_an_engine_that_does_not_answer_is_unreachable_with_its_own_words(node: LocalConnection) -> None:
    node.program("docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    with pytest.raises(UnreachableError, match="dtr1: Cannot connect to the Docker daemon"):
        probe(node)


@pytest.mark.parametrize(
    ("program", "text", "words"),
    [
        ("df", "exit 1", "its answer says of free what is not understood: nothing"),
        ("df", "echo Avail; echo -", "its answer says of free what is not understood: -"),
        ("date", "echo never", "its answer says of clock what is not understood: never never"),
        ("date", "echo nan", "its answer says of clock what is not understood: nan nan"),
    ],
)
def test_an_odd_answer_is_a_mismatch_that_shows_it(
    node: LocalConnection, program: str, text: str, words: str
) -> None:
    node.program(program, text)
    with pytest.raises(MismatchError, match=f"dtr1: {words}"):
        probe(node)


def test_an_engine_that_tells_no_name_is_a_mismatch(node: LocalConnection) -> None:
    node.program("docker", DOCKER.replace("20.10.24\\ndtr1\\n/\\n198.18.0.11\\n", "20.10.24\\n"))
    with pytest.raises(MismatchError, match="says of info what is not understood: 20.10.24"):
        probe(node)


def test_an_answer_that_was_cut_short_names_what_is_missing() -> None:
    with pytest.raises(MismatchError, match="its answer says nothing of free, image, containers, listeners"):
        read_facts("dtr1", sections_of("== clock\n1\n== info\n20.10.24\ndtr1\n"), 0)


TITLES = ("clock", "info", "free", "image", "containers", "storage", "volumes", "listeners")
LINES = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["1.5", "20.10.24", "LISTEN 0 1 *:٣ x", "LISTEN", "0: 0:01BB 0:0000 0A 0", "a\tUp\t\t:9-99999->1/tcp"]
    ),
)
ANSWERS = st.lists(st.tuples(st.sampled_from(TITLES), st.lists(LINES, max_size=4)), max_size=12)


@given(ANSWERS)
def test_any_answer_is_facts_or_an_error_of_ours(answer: list[tuple[str, list[str]]]) -> None:
    text = "\n".join(line for title, lines in answer for line in (f"== {title}", *lines))
    try:
        facts = read_facts("dtr1", sections_of(text), 0)
    except RunbookError:
        return
    assert facts.swarm_name


@given(st.text())
def test_any_text_is_facts_or_an_error_of_ours(text: str) -> None:
    with pytest.raises(RunbookError):
        read_facts("dtr1", sections_of(text), 0)
