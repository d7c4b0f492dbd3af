from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect import Task

from blocks.connection import ClusterConnection
from flows.copy_points import copy_points
from flows.preflight import look
from flows.run import Run
from runbook.domain.errors import InvalidConfigError, RefusedError
from runbook.domain.recovery import Manifest
from runbook.domain.report import Report
from runbook.remote.copies_held import ids_in
from tasks.copies import check_copies
from tasks.nodes import NodeLook, check_node
from tests.fakes.direct_steps import Done, direct_steps
from tests.fakes.memory_storage import MemoryStorage
from tests.fakes.published_points import CLUSTER, TREE, publish_point
from tests.fakes.vault_site import VaultSite


@pytest.fixture(autouse=True)
def reports() -> Iterator[list[str]]:
    with direct_steps() as texts:
        yield texts


@pytest.fixture
def site(tmp_path: Path) -> VaultSite:
    return VaultSite(tmp_path, ("offsite", "usb"))


def publish(site: VaultSite, hour: int) -> Manifest:
    return publish_point(site.vault(), MemoryStorage(TREE), hour=hour)


def copy(site: VaultSite, **wishes: object) -> Report:
    return copy_points.fn(str(site.file), **wishes)


def held(site: VaultSite) -> list[set[str]]:
    return [set(ids_in(site.vault(name), CLUSTER)) for name in site.copies]


def test_without_copies_the_run_completes_and_says_so(tmp_path: Path) -> None:
    report = copy(VaultSite(tmp_path))
    assert (report.state, report.notes) == (
        "completed",
        ["no copies are configured under vault.copies: nothing to do"],
    )


def test_the_newest_point_is_left_in_every_copy_and_the_second_run_keeps_it(site: VaultSite) -> None:
    publish(site, hour=1)
    newest = publish(site, hour=2)
    assert [step.action for step in copy(site).did] == ["copy", "copy"]
    assert held(site) == [{newest.id}, {newest.id}]
    assert [step.action for step in copy(site).did] == ["keep", "keep"]


def test_one_copy_one_point_or_all_points_can_be_wished_for(site: VaultSite) -> None:
    old, new = publish(site, hour=1), publish(site, hour=2)
    copy(site, point=old.id, to="usb")
    assert held(site) == [set(), {old.id}]
    copy(site, every=True)
    assert held(site) == [{old.id, new.id}, {old.id, new.id}]


def test_a_copy_that_is_asked_for_by_name_gets_back_what_it_lost(site: VaultSite) -> None:
    manifest = publish(site, hour=1)
    copy(site)
    blob = next(site.vault("usb").list(f"{CLUSTER}/blobs/")).key
    site.vault("usb").delete(blob)
    assert "1 blobs copied" in copy(site, point=manifest.id, to="usb").did[0].reason
    assert site.vault("usb").head(blob)


def test_a_plan_touches_nothing(site: VaultSite) -> None:
    publish(site, hour=1)
    report = copy(site, plan_only=True)
    assert report.plan
    assert [step.action for step in report.plan.steps] == ["copy", "copy"]
    assert held(site) == [set(), set()]


def test_a_copy_that_cannot_be_reached_keeps_none_of_the_others_from_being_filled(
    site: VaultSite, reports: list[str]
) -> None:
    manifest = publish(site, hour=1)
    site.lose("offsite")
    with pytest.raises(RefusedError, match=r"file://.*/offsite: there is no such folder"):
        copy(site)
    assert ids_in(site.vault("usb"), CLUSTER) == {manifest.id}
    (text,) = reports
    assert "**failed**" in text
    assert f"| copy usb | copy | {manifest.id} |" in text


def test_a_copy_that_fails_half_way_keeps_none_of_the_others_from_being_filled(site: VaultSite) -> None:
    manifest = publish(site, hour=1)
    (site.folder / "offsite" / CLUSTER).write_text("a file where a folder is to be")
    with pytest.raises(RefusedError):
        copy(site)
    assert ids_in(site.vault("usb"), CLUSTER) == {manifest.id}


def test_a_name_that_is_no_copys_is_an_invalid_argument(site: VaultSite) -> None:
    with pytest.raises(InvalidConfigError, match="it names no copy tape; it names offsite, usb"):
        copy(site, to="tape")


def test_copies_without_any_verified_point_are_a_failure(site: VaultSite) -> None:
    with pytest.raises(RefusedError, match="it holds no verified recovery point"):
        copy(site)


def test_every_runbooks_first_look_tells_which_copy_lacks_the_newest_point(
    site: VaultSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(site, hour=1)
    copy(site, to="usb")

    def submit(task: Task[..., Any], cluster: ClusterConnection, *_: object, **__: object) -> Done:
        if task is check_node:
            return Done(NodeLook("a node", ()))
        return Done(task.fn(cluster) if task is check_copies else ())  # only vaults are left

    monkeypatch.setattr(Task, "submit", submit)
    with Run("check", str(site.file)) as run:
        look(run)
    assert [(found.where, found.level) for found in run.report.findings] == [
        ("copy offsite", "warning"),
        ("copy usb", "ok"),
    ]
