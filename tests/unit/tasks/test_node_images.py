"""The registry's images on five nodes whose docker knows images as lines of a file."""

from pathlib import Path

import pytest

from blocks.image_source import ImageSourceSettings
from runbook.domain.errors import MismatchError, RefusedError, UnreachableError
from runbook.domain.plans import Action
from tasks.node_images import ensure_images, plan_images
from tests.fakes.cluster_connection import FakeBootstrapper, FakeCluster
from tests.fakes.image_archive import write_archive
from tests.fakes.local_node import LocalNode

VERSION = "2.9.29"
DTR, API = f"mirantis/dtr:{VERSION}", f"mirantis/dtr-api:{VERSION}"
MANAGER = "mke-manager-1"
REGISTRY = ("msr-1", "msr-2", "msr-3", "msr-spare")


def node(cluster: FakeCluster, name: str) -> LocalNode:
    return cluster.ssh(name)


def actions(cluster: FakeCluster) -> list[Action]:
    return [step.action for step in ensure_images.fn(cluster, VERSION)]


def test_an_archive_goes_to_every_node_once(cluster: FakeCluster, tmp_path: Path) -> None:
    archive = tmp_path / "images.tar.gz"
    ids = write_archive(archive, [DTR, API, "other/image:1"])
    cluster.settings.registry.images = ImageSourceSettings(archive=str(archive))
    assert actions(cluster) == [Action.LOAD_IMAGES] * 5
    assert [node(cluster, name).images for name in (MANAGER, *REGISTRY)] == [ids] * 5
    assert actions(cluster) == [Action.KEEP] * 5


def test_an_image_that_is_another_than_the_archives_is_replaced(cluster: FakeCluster, tmp_path: Path) -> None:
    archive = tmp_path / "images.tar"
    ids = write_archive(archive, [DTR, API])
    cluster.settings.registry.images = ImageSourceSettings(archive=str(archive))
    ensure_images.fn(cluster, VERSION)
    file = node(cluster, "msr-2").folder / "images"
    file.write_text(f"{DTR} {ids[DTR]}\n{API} sha256:another\n")
    (step,) = [step for step in ensure_images.fn(cluster, VERSION) if step.action is not Action.KEEP]
    assert (step.where, step.reason) == ("msr-2", f"{API} is another image than the archive's")


def test_an_archive_that_lacks_an_image_is_refused_by_name(cluster: FakeCluster, tmp_path: Path) -> None:
    archive = tmp_path / "images.tar"
    write_archive(archive, [DTR])
    cluster.settings.registry.images = ImageSourceSettings(archive=str(archive))
    with pytest.raises(RefusedError, match=f"images.tar: it does not hold {API}"):
        ensure_images.fn(cluster, VERSION)


def test_images_are_pulled_from_a_registry_nearby_under_the_vendors_names(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_PASSWORD", "hunter2")
    source = ImageSourceSettings(repository="my.registry/msr", user="me", password="env:REGISTRY_PASSWORD")
    cluster.settings.registry.images = source
    for name in (MANAGER, *REGISTRY):
        node(cluster, name).offer(f"my.registry/msr/dtr:{VERSION}", f"my.registry/msr/dtr-api:{VERSION}")
    assert actions(cluster) == [Action.LOAD_IMAGES] * 5
    assert node(cluster, MANAGER).images.keys() == {DTR}
    assert node(cluster, "msr-1").images.keys() == {DTR, API}
    assert node(cluster, "msr-1").logins == ["me:hunter2@my.registry", "out of my.registry"] * 2
    assert actions(cluster) == [Action.KEEP] * 5


def test_without_a_source_the_vendors_names_are_pulled_and_nobody_logs_in(cluster: FakeCluster) -> None:
    for name in (MANAGER, *REGISTRY):
        node(cluster, name).offer(DTR, API)
    ensure_images.fn(cluster, VERSION)
    assert node(cluster, "msr-1").images.keys() == {DTR, API}
    assert node(cluster, "msr-1").logins == []


def test_every_node_that_lacks_something_is_named_and_the_others_are_done(cluster: FakeCluster) -> None:
    for name in (MANAGER, "msr-2", "msr-spare"):
        node(cluster, name).offer(DTR, API)
    with pytest.raises(RefusedError) as refused:
        ensure_images.fn(cluster, VERSION)
    assert refused.value.where == "images"
    assert "msr-1: its images were not pulled" in refused.value.what
    assert "msr-3: its images were not pulled" in refused.value.what
    assert f"manifest unknown: {DTR}" in refused.value.what
    assert DTR in node(cluster, "msr-2").images


def test_a_node_whose_engine_does_not_answer_is_named(cluster: FakeCluster) -> None:
    for name in (MANAGER, *REGISTRY):
        node(cluster, name).load(DTR, API)
    (node(cluster, "msr-2").folder / "bin" / "docker").write_text("#!/bin/sh\necho down >&2; exit 1\n")
    with pytest.raises(UnreachableError) as silent:
        ensure_images.fn(cluster, VERSION)
    assert (silent.value.where, silent.value.what) == ("msr-2", "down")


def test_nodes_that_get_replicas_and_the_managers_have_them_and_no_other_node(cluster: FakeCluster) -> None:
    for name in (MANAGER, *REGISTRY):
        node(cluster, name).offer(DTR, API)
    steps = ensure_images.fn(cluster, VERSION, ["msr-2"])
    assert [step.where for step in steps] == [MANAGER, "msr-2"]
    assert node(cluster, MANAGER).images.keys() == {DTR}
    assert node(cluster, "msr-1").images == {}


def test_a_plan_for_some_nodes_runs_no_bootstrapper_that_is_not_there(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    node(cluster, "msr-2").load(DTR, API)
    monkeypatch.setattr(FakeBootstrapper, "images", _must_not_run)
    assert [step.action for step in plan_images.fn(cluster, VERSION, ["msr-2"])] == [
        Action.LOAD_IMAGES,
        Action.KEEP,
    ]


def _must_not_run(_bootstrapper: FakeBootstrapper) -> tuple[str, ...]:
    raise AssertionError("docker run pulled it, under the vendor's name")


@pytest.mark.parametrize("silent", ["its machine", "its engine"])
def test_a_manager_that_does_not_answer_is_left_out_while_one_does(cluster: FakeCluster, silent: str) -> None:
    second = cluster.settings.managers[0].model_copy(update={"name": "mke-manager-2"})
    cluster.settings.nodes.append(second)
    if silent == "its machine":
        cluster.unreachable = ("mke-manager-2",)
    else:
        (node(cluster, "mke-manager-2").folder / "bin" / "docker").write_text("#!/bin/sh\nexit 1\n")
    node(cluster, MANAGER).offer(DTR)
    node(cluster, "msr-2").offer(DTR, API)
    assert [step.where for step in ensure_images.fn(cluster, VERSION, ["msr-2"])] == [MANAGER, "msr-2"]


def test_without_a_manager_that_answers_each_is_named(cluster: FakeCluster) -> None:
    cluster.unreachable = (MANAGER,)
    node(cluster, "msr-2").load(DTR, API)
    with pytest.raises(UnreachableError, match=f"{MANAGER}: no SSH session"):
        ensure_images.fn(cluster, VERSION, ["msr-2"])


def test_an_engine_that_says_it_has_loaded_and_has_not_is_noticed(
    cluster: FakeCluster, tmp_path: Path
) -> None:
    archive = tmp_path / "images.tar"
    write_archive(archive, [DTR, API])
    cluster.settings.registry.images = ImageSourceSettings(archive=str(archive))
    docker = node(cluster, "msr-2").folder / "bin" / "docker"
    docker.write_text(
        docker.read_text().replace('"load --quiet")', '"load --quiet") cat >/dev/null; exit 0;;\n "")')
    )
    with pytest.raises(MismatchError, match="msr-2: after its images were brought there"):
        ensure_images.fn(cluster, VERSION)


def test_a_plan_names_what_each_node_lacks_and_brings_nothing(cluster: FakeCluster) -> None:
    node(cluster, MANAGER).load(DTR)
    node(cluster, "msr-1").load(DTR)
    steps = {step.where: step for step in plan_images.fn(cluster, VERSION)}
    assert steps[MANAGER].action is Action.KEEP
    assert steps["msr-1"].reason == f"{API} is not there"
    assert steps["msr-2"].reason.startswith(f"{DTR} is not there")
    assert node(cluster, "msr-2").images == {}
