from pathlib import Path
from typing import Any

import pytest

from blocks.image_source import ImageSourceSettings
from runbook.domain.findings import Finding, Level
from tasks.nodes import check_node
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.local_connection import LocalConnection

IMAGE = "mirantis/dtr:2.9.29"
DOCKER = """
case "$1 $2" in
  "info --format") printf '20.10.24\\nmsr-1\\n/\\n127.0.0.1\\n' ;;
  "image inspect") exit 1 ;;
  "manifest inspect") echo "no such manifest: $3" >&2; exit 1 ;;
  "ps -a") ;;
  *) exit 2 ;;
esac
"""


class OneNode(FakeCluster):
    """A cluster whose nodes are this machine, with an engine that has no image and finds none."""

    def ssh(self, name: str) -> Any:
        folder = self.folder.parent / name
        folder.mkdir(exist_ok=True)
        node = LocalConnection(folder, name)
        node.program("docker", DOCKER)
        node.program("ss", "true")
        return node


@pytest.fixture
def here(tmp_path: Path) -> OneNode:
    (tmp_path / "vault").mkdir()
    return OneNode(tmp_path / "vault")


def image_of(cluster: OneNode, **images: str) -> Finding:
    """Return what is said of the image where images come from there."""
    cluster.settings.registry.images = ImageSourceSettings.model_validate(images) if images else None
    (node,) = [node for node in cluster.settings.nodes if node.name == "msr-1"]
    look = check_node.fn(cluster, node, ask_pull=True)  # type: ignore[arg-type]
    (found,) = [found for found in look.findings if IMAGE in found.what]
    assert found.level is Level.WARNING
    return found


def test_without_a_source_the_vendors_name_is_asked_for(here: OneNode) -> None:
    found = image_of(here)
    assert found.what == f"{IMAGE} is not there and cannot be pulled: no such manifest: {IMAGE}"
    assert f"docker pull {IMAGE}" in found.next_step


def test_a_registry_nearby_is_asked_for_its_own_name(here: OneNode) -> None:
    found = image_of(here, repository="my.registry/msr")
    assert found.what.endswith("cannot be pulled: no such manifest: my.registry/msr/dtr:2.9.29")
    assert f"docker pull my.registry/msr/dtr:2.9.29, docker tag my.registry/msr/dtr:2.9.29 {IMAGE}" in (
        found.next_step
    )


def test_where_an_archive_is_given_nothing_is_asked_and_it_is_loaded(here: OneNode) -> None:
    found = image_of(here, archive="/images.tar")
    assert (found.what, "docker load" in found.next_step) == (f"{IMAGE} is not there", True)
    assert "docker pull" not in found.next_step


def test_a_registry_that_only_the_pull_logs_in_to_is_not_asked(here: OneNode) -> None:
    found = image_of(here, repository="my.registry/msr", user="me", password="env:PASSWORD")
    assert found.what == f"{IMAGE} is not there"
