from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from runbook.domain.errors import RefusedError
from runbook.domain.health import Replica
from runbook.remote.set_aside import set_aside
from runbook.remote.ssh import SshConnection
from tests.fakes.clusters import IDS, alive, dead
from tests.fakes.local_node import LocalNode

ONE = IDS[0]
REPLICA = replace(alive(1), volumes=(f"dtr-ca-{ONE}", f"dtr-rethink-{ONE}"))


@pytest.fixture
def node(tmp_path: Path) -> LocalNode:
    return LocalNode(tmp_path)


def moved(node: LocalNode, replica: Replica, stamp: str) -> str:
    return set_aside(cast("SshConnection", node), replica, stamp)


def test_a_living_replica_is_stopped_and_its_data_is_in_one_new_volume(node: LocalNode) -> None:
    node.hold(REPLICA)
    node.hold(alive(2))
    assert moved(node, REPLICA, "20261122") == f"set-aside-{ONE}-20261122"
    assert node.files == {
        f"set-aside-{ONE}-20261122/dtr-ca-{ONE}/data": f"of dtr-ca-{ONE}",
        f"set-aside-{ONE}-20261122/dtr-rethink-{ONE}/data": f"of dtr-rethink-{ONE}",
        f"dtr-rethink-{IDS[1]}/data": f"of dtr-rethink-{IDS[1]}",
    }
    assert node.running == {f"dtr-{service}-{IDS[1]}" for service in alive(2).services}


def test_volumes_without_containers_are_set_aside_too(node: LocalNode) -> None:
    volumes_alone = dead(1, services=False)
    node.hold(volumes_alone)
    moved(node, volumes_alone, "20261122")
    assert list(node.files) == [f"set-aside-{ONE}-20261122/dtr-rethink-{ONE}/data"]


def test_what_an_earlier_run_set_aside_stays_when_it_is_done_again(node: LocalNode) -> None:
    node.hold(REPLICA)
    moved(node, REPLICA, "20261122")
    first = node.files
    moved(node, dead(1, services=False), "20261123")
    assert node.files == first


def test_a_file_whose_name_has_blanks_or_begins_with_a_dot_is_moved(node: LocalNode) -> None:
    node.hold(REPLICA)
    odd = node.folder / "volumes" / f"dtr-ca-{ONE}"
    (odd / ".hidden").write_text("h")
    (odd / "two words").write_text("w")
    moved(node, REPLICA, "20261122")
    assert not list(odd.iterdir())
    assert node.files[f"set-aside-{ONE}-20261122/dtr-ca-{ONE}/two words"] == "w"


def test_a_replica_whose_data_cannot_be_moved_is_refused_and_nothing_is_deleted(node: LocalNode) -> None:
    node.hold(alive(1))
    before = node.files
    with pytest.raises(RefusedError, match="could not be set aside: .*No such file"):
        moved(node, REPLICA, "20261122")  # it has a volume more than the node
    assert node.files == before


def test_a_share_that_all_replicas_use_is_not_moved(node: LocalNode) -> None:
    replica = replace(REPLICA, volumes=(*REPLICA.volumes, f"dtr-registry-nfs-{ONE}"))
    node.hold(replica)
    moved(node, replica, "20261122")
    assert f"dtr-registry-nfs-{ONE}/data" in node.files
