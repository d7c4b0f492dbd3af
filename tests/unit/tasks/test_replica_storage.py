from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from runbook.domain.errors import UnreachableError
from runbook.domain.findings import Level
from runbook.domain.node_facts import NodeFacts
from tasks.replica_storage import check_replica_storage

BUCKET = {"s3": {"bucket": "images", "region": "r", "secretkey": "never shown"}, "delete": {"enabled": True}}


@dataclass
class Said:
    """What one replica says of its storage."""

    settings_: dict[str, str] = field(default_factory=dict)
    storage: dict[str, Any] = field(default_factory=lambda: BUCKET)

    def settings(self) -> Any:
        return SimpleNamespace(all=self.settings_)

    def storage_settings(self) -> dict[str, Any]:
        return {"storage": self.storage}


class Replicas:
    """Replicas by node; one that is None does not answer."""

    def __init__(self, **said: Said | None) -> None:
        self.said = said

    @contextmanager
    def admin_on(self, node: str) -> Iterator[Said]:
        said = self.said[node]
        if said is None:
            raise UnreachableError(node, "no answer", "start it")
        yield said


def facts(**mounts: str) -> dict[str, NodeFacts]:
    return {
        node: NodeFacts("20", node, 0, 1, True, storage_mounts={"aaaaaaaaaaaa": mount} if mount else {})
        for node, mount in mounts.items()
    }


def check(replicas: Replicas, seen: dict[str, NodeFacts]) -> list[tuple[Level, str]]:
    return [(f.level, f.what) for f in check_replica_storage.fn(cast("Any", replicas), seen)]


def test_replicas_with_one_bucket_and_one_kind_of_mount_are_one_line() -> None:
    replicas = Replicas(dtr1=Said(), dtr2=Said())
    assert check(replicas, facts(dtr1="volume x", dtr2="volume x", dtr3="")) == [
        (Level.OK, "the same on dtr1, dtr2")
    ]


def test_a_single_replica_is_not_asked() -> None:
    assert check(Replicas(dtr1=None), facts(dtr1="volume x", dtr2="")) == []


def test_another_bucket_on_one_replica_blocks_and_shows_no_key() -> None:
    other = {"s3": {"bucket": "old", "region": "r", "secretkey": "never shown"}}
    ((level, what),) = check(
        Replicas(dtr1=Said(), dtr2=Said(storage=other)), facts(dtr1="volume x", dtr2="volume x")
    )
    assert level is Level.BLOCKS
    assert what == "storage differs: s3://images at AWS on dtr1; s3://old at AWS on dtr2"


@pytest.mark.parametrize("key", ["storageVolume", "nfsHost", "nfsPath"])
def test_another_share_on_one_replica_blocks(key: str) -> None:
    replicas = Replicas(dtr1=Said({key: "one"}), dtr2=Said())
    assert check(replicas, facts(dtr1="volume x", dtr2="volume x")) == [
        (Level.BLOCKS, f"{key} differs: nothing on dtr2; one on dtr1")
    ]


def test_another_mount_on_one_replica_blocks() -> None:
    assert check(Replicas(dtr1=Said(), dtr2=Said()), facts(dtr1="volume x", dtr2="/mnt")) == [
        (Level.BLOCKS, "mount differs: /mnt on dtr2; volume x on dtr1")
    ]


def test_a_replica_that_does_not_answer_leaves_it_unjudged() -> None:
    found = check(Replicas(dtr1=Said(), dtr2=None), facts(dtr1="volume x", dtr2="volume x"))
    assert [level for level, _ in found] == [Level.WARNING, Level.WARNING]
    assert "not judged" in found[1][1]
