"""Every replica is lost: what a restore refuses before it touches anything."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pyrage import x25519

from lab import prefect_services
from lab.demo.deployed_runs import Watcher
from runbook.domain.errors import MismatchError, RefusedError, UnreachableError
from runbook.domain.recovery import INDEX, MANIFEST, METADATA, SIDECAR, part_key
from tests.e2e.conftest import fault
from tests.e2e.runs import assert_failed, assert_run_failed, deployed, reports_of, runbook
from tests.e2e.world import look

pytestmark = pytest.mark.e2e
APPROVED = ("restore", "--approve", "a test")


@pytest.fixture(scope="module")
def world(ruined):
    """The world before any of these tests, to which each of them leaves it."""
    seen = look(ruined)
    assert (len(seen.replicas), len(seen.points)) == (0, 1)
    return seen


@pytest.mark.parametrize("transport", ["ssh", "docker"])
def test_the_plan_of_a_restore_touches_nothing(ruined, world, altered, transport):
    file = altered(lambda content: content.update(transport=transport))
    planned = runbook("restore", "--plan", cluster=file)
    assert planned.status == 0, planned.stderr
    assert "restore metadata" in planned.stdout
    assert look(ruined) == world


def test_a_restore_that_nobody_approved_touches_nothing(ruined, world):
    ended = runbook("restore", cluster=ruined.file)
    assert ended.status == RefusedError.exit_status
    assert ended.words.startswith("lab: nobody approved the plan\nNext: run it at a terminal")
    assert look(ruined) == world


def test_an_approval_typed_for_another_cluster_touches_nothing_and_leaves_one_report(ruined, world):
    with Watcher(prefect_services.api_url()) as watcher:
        answer = {"cluster": "prod", "approver": "a test", "reason": "to be refused"}
        run = watcher.run(
            "restore/disaster-recovery", when_suspended=lambda run_id: watcher.approve(run_id, answer)
        )
    assert_run_failed(run, "lab", "the approval was typed for 'prod'", "start again and type the name")
    (report,) = reports_of(run)
    assert "the approval was typed for 'prod'" in report
    assert look(ruined) == world


@pytest.mark.parametrize("part", [METADATA, INDEX, SIDECAR])
def test_a_point_with_one_changed_byte_is_refused_before_anything_is_touched(ruined, world, part):
    point = world.points[0]
    with _one_byte_changed(ruined, part_key("lab", point, part)):
        spoiled = look(ruined)
        ended = runbook(*APPROVED, cluster=ruined.file)
        verified = runbook("points", "verify", cluster=ruined.file)
        after = look(ruined)
    what = f"{part}: "
    assert_failed(
        ended, MismatchError, f"recovery point {point}", what, "nothing was touched; choose another"
    )
    assert (verified.status, verified.words.partition(": ")[0]) == (6, f"recovery point {point}")
    assert after == spoiled


def test_a_point_whose_manifest_has_one_changed_byte_is_no_recovery_point(ruined, world):
    point = world.points[0]
    with _one_byte_changed(ruined, part_key("lab", point, MANIFEST)):
        spoiled = look(ruined)
        newest = runbook(*APPROVED, cluster=ruined.file)
        named = runbook(*APPROVED, "--point", point, cluster=ruined.file)
        run = deployed("restore/disaster-recovery")
        after = look(ruined)
    none = "it holds no verified recovery point; 1 are unfinished or not verified"
    assert_failed(newest, RefusedError, "vault", none, "run `runbook backup`, or name another vault")
    assert_failed(named, RefusedError, f"point {point}", "the manifest is damaged: ", "choose another point")
    assert_run_failed(run, "vault", none, "run `runbook backup`")
    assert after == spoiled


def test_a_point_of_another_version_is_refused(ruined, world, altered):
    file = altered(lambda content: content["registry"].update(version="2.4.1"))
    ended = runbook(*APPROVED, cluster=file)
    what = "it is of version 2.9.29, and 2.4.1 is to be restored"
    assert_failed(
        ended, MismatchError, f"recovery point {world.points[0]}", what, "choose another with --point"
    )
    assert look(ruined) == world


def test_a_point_that_the_given_identity_does_not_open_is_refused(ruined, world, altered, tmp_path):
    key = x25519.Identity.generate()
    other = str(key)
    (tmp_path / "identity").write_text(other)
    vault = {"identity": f"file:{tmp_path}/identity", "recipients": [str(key.to_public())]}
    ended = runbook(*APPROVED, cluster=altered(lambda content: content["vault"].update(vault)))
    what = ".* cannot be decrypted.*, and 3 more"
    assert_failed(ended, MismatchError, f"recovery point {world.points[0]}", what, "nothing was touched")
    assert other not in ended.stderr
    assert look(ruined) == world


def test_a_restore_that_cannot_reach_the_control_plane_touches_nothing(ruined, world):
    with fault("control-plane-down"):
        ended = runbook(*APPROVED, cluster=ruined.file)
    where = f"control plane {ruined.control_plane_url}"
    assert_failed(
        ended, UnreachableError, where, "no answer: ", "see that it runs and is reachable from here"
    )
    assert look(ruined) == world


@contextmanager
def _one_byte_changed(cluster, key: str) -> Iterator[None]:
    """Change the byte in the middle of an object of the vault for the block."""
    connection = cluster.connect()
    whole = connection.vault.get_bytes(key)
    middle = len(whole) // 2
    connection.vault.put_bytes(key, whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    try:
        yield
    finally:
        connection.vault.put_bytes(key, whole)
        connection.close()
