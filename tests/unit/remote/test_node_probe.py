from pathlib import Path
from typing import cast

import pytest

from runbook.domain.errors import UnreachableError
from runbook.domain.node_facts import ContainerFacts, NodeFacts
from runbook.remote.node_probe import probe_node
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


def probe(node: LocalConnection, *, ask_pull: bool = False) -> NodeFacts:
    return probe_node(cast("SshConnection", node), IMAGE, ask_pull=ask_pull)


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


@pytest.mark.parametrize(("ask", "why"), [(False, None), (True, f"no such manifest: {IMAGE}")])
def test_an_image_that_is_not_there_is_looked_for_where_asked(
    node: LocalConnection, tmp_path: Path, ask: bool, why: str | None
) -> None:
    (tmp_path / "docker.image").unlink()
    facts = probe(node, ask_pull=ask)
    assert (facts.image_present, facts.why_not_pullable) == (False, why)


def test_a_node_whose_clock_is_wrong_is_off_by_that(node: LocalConnection) -> None:
    node.program("date", 'echo "1000.5"')
    assert probe(node).clock_skew < -1e9


def test_an_engine_that_does_not_answer_is_unreachable_with_its_own_words(node: LocalConnection) -> None:
    node.program("docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    with pytest.raises(UnreachableError, match="dtr1: Cannot connect to the Docker daemon"):
        probe(node)
