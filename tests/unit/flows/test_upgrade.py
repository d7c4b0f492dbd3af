"""The whole upgrade on a cluster that holds state, without Prefect."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect.logging import disable_run_logger
from typer.testing import CliRunner

from flows import cli, cli_upgrade
from flows import upgrade as upgrade_module
from flows.upgrade import upgrade
from runbook.domain.errors import MismatchError, RefusedError, UnreachableError
from runbook.domain.plans import Plan
from runbook.domain.report import Report
from runbook.domain.versions import parse_version
from runbook.remote.locks import lock_key
from tasks.images import push_canary
from tasks.load_balancer import ensure_pool
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.clusters import IDS, alive, dead
from tests.fakes.many_points import add_point, points_of
from tests.fakes.registry_server import RegistryServer, registry_server
from tests.fakes.runs import DirectRun

OLD, NEW = "2.9.29", "2.10.4"
OLDER = f"mirantis/dtr:{OLD}"
STEPS = (
    "decide the upgrade", "control plane before the registry", "require a way back",
    "plan bootstrapper of older points", f"plan images of {NEW}", "plan load balancer pool",
    "is there a point of this version", "bootstrapper of older points", f"images of {NEW}",
    "what was true before an upgrade that was cut short", "canary",
    "pull canary", "note what is true before", "upgrade", "load balancer pool", "pull former canary",
    "compare with what was before", "is there a point of this version", "nothing else has changed",
)  # fmt: skip


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with registry_server() as running:
        yield running


@pytest.fixture
def cluster(tmp_path: Path, server: RegistryServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCluster]:
    """Three replicas of 2.9.29 with a point of an hour ago; images of 2.10.4 are on every node."""
    cluster = FakeCluster(tmp_path, [alive(1), alive(2), alive(3)], server=server)
    add_point(cluster, timedelta(hours=1), b"layer")
    cluster.version = parse_version(NEW)
    cluster.settings.registry.image = "msr/dtr"
    cluster.ssh("mke-manager-1").load(OLDER)
    cluster.bootstrapper.listed = (cluster.bootstrapper_image, f"mirantis/dtr-api:{NEW}")
    for node in cluster.settings.nodes:
        for image in cluster.bootstrapper.images():
            cluster.ssh(node.name).load(image)
    monkeypatch.setattr(upgrade_module, "preflight", lambda *_args, **_options: [])
    monkeypatch.setattr(upgrade_module, "take_recovery_point", published)
    use(monkeypatch, cluster)
    with disable_run_logger():
        yield cluster


def use(
    monkeypatch: pytest.MonkeyPatch, cluster: FakeCluster, dies_before: int | None = None
) -> list[DirectRun]:
    """Have runs on this cluster; one may die before its step of that number."""
    runs: list[DirectRun] = []

    def run(flow: str, _name: str, version: str | None = None) -> DirectRun:
        made = DirectRun(flow, cluster)
        if version:
            cluster.version = parse_version(version)

        def before(_title: str) -> None:
            if len(made.steps) - 1 == dies_before:
                raise ConnectionAbortedError("the run was killed")

        made.before = before
        runs.append(made)
        return made

    monkeypatch.setattr(upgrade_module, "Run", run)
    return runs


def published(run: Any, **_: object) -> list[object]:
    add_point(run.cluster, timedelta(), b"newest", str(run.cluster.version))
    return []


def versions(cluster: FakeCluster) -> list[str | None]:
    return [replica.version for replica in cluster.replicas]


def records(cluster: FakeCluster) -> list[str]:
    left = (seen.key for seen in cluster.vault.list("lab/"))
    return [key for key in left if key.startswith(("lab/upgrades/", lock_key("lab")))]


def plan_of(report: Report) -> Plan:
    assert report.plan
    return report.plan


def test_every_replica_is_upgraded_proven_and_backed_up(
    cluster: FakeCluster, server: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = use(monkeypatch, cluster)
    report = upgrade.fn("lab")
    assert versions(cluster) == [NEW] * 3
    assert cluster.bootstrapper.upgraded == [IDS[0]]
    assert len(points_of(cluster)) == 2
    assert records(cluster) == []
    assert tuple(runs[0].steps) == STEPS
    assert [step.action for step in report.did] == ["keep"] * 6 + ["upgrade"] * 3 + ["configure"]
    assert "GET /_ping" not in server.requests


def test_the_report_says_which_image_older_points_need_and_that_it_stays(cluster: FakeCluster) -> None:
    report = upgrade.fn("lab", to=NEW)
    assert report.notes == [
        "recovery points of 2.9.29 can only be restored with mirantis/dtr:2.9.29: keep it on the managers. "
        "This run deletes no image",
        "then set registry.version to 2.10.4 in the cluster file: other runbooks use its bootstrapper",
    ]


def test_a_plan_touches_nothing_and_is_what_is_done(cluster: FakeCluster) -> None:
    before = sorted(seen.key for seen in cluster.vault.list("lab/"))
    report = upgrade.fn("lab", plan_only=True)
    assert report.state == "planned, nothing was touched"
    actions = [(step.action, step.where) for step in plan_of(report).steps]
    assert actions[:2] == [("verify", "https://mke.example.com"), ("verify", cluster.settings.vault.url)]
    assert actions[-7:-1] == [
        *(("upgrade", f"dtr{n}") for n in (1, 2, 3)),
        ("configure", "lb-1"),
        ("verify", "https://registry.example.com"),
        ("verify", cluster.settings.name),
    ]
    assert actions[-1] == ("back up", cluster.settings.vault.url)
    assert versions(cluster) == [OLD] * 3
    assert sorted(seen.key for seen in cluster.vault.list("lab/")) == before


def test_afterwards_there_is_nothing_to_do(cluster: FakeCluster) -> None:
    upgrade.fn("lab")
    planned = upgrade.fn("lab", plan_only=True)
    assert {step.action for step in plan_of(planned).steps} == {"keep"}
    again = upgrade.fn("lab")
    assert {step.action for step in again.did} == {"keep"}
    assert cluster.bootstrapper.upgraded == [IDS[0]]
    assert (len(points_of(cluster)), records(cluster)) == (2, [])


def test_a_pool_that_is_as_wanted_is_kept_and_one_that_is_not_is_in_the_plan(cluster: FakeCluster) -> None:
    def planned() -> list[tuple[str, str]]:
        steps = plan_of(upgrade.fn("lab", plan_only=True)).steps
        return [(step.action, step.what) for step in steps if step.where == "lb-1"]

    ensure_pool.fn(cluster)
    assert planned() == [("keep", "pool of dtr1, dtr2, dtr3")]
    upgrade.fn("lab")
    cluster.load_balancer.pool = ("dtr1",)
    assert planned() == [("configure", "pool of dtr1, dtr2, dtr3")]


@pytest.mark.parametrize("step", range(len(STEPS)))
def test_a_run_that_dies_before_any_step_is_finished_by_the_next(
    step: int, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, cluster, dies_before=step)
    with pytest.raises(ConnectionAbortedError):
        upgrade.fn("lab")
    finish(cluster, monkeypatch)


def test_a_run_that_dies_in_its_backup_which_has_pushed_another_canary_is_finished_by_the_next(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(run: Any, **_: object) -> list[object]:
        push_canary.fn(run.cluster)
        raise ConnectionAbortedError("the run was killed")

    monkeypatch.setattr(upgrade_module, "take_recovery_point", dies)
    with pytest.raises(ConnectionAbortedError):
        upgrade.fn("lab")
    monkeypatch.setattr(upgrade_module, "take_recovery_point", published)
    finish(cluster, monkeypatch)


@pytest.mark.parametrize("done", [0, 1, 2])
def test_an_upgrade_that_is_cut_short_between_replicas_is_finished_by_the_next(
    done: int, cluster: FakeCluster, server: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.bootstrapper.cut_short_after = done
    with pytest.raises(ConnectionAbortedError):
        upgrade.fn("lab")
    assert sorted(versions(cluster)) == [NEW] * done + [OLD] * (3 - done)
    cluster.bootstrapper.cut_short_after = None
    finish(cluster, monkeypatch)


def test_a_lone_replica_that_is_away_is_finished_with_what_is_on_record(
    cluster: FakeCluster, server: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.replicas = [alive(1)]
    cluster.bootstrapper.cut_short_after = 0
    with pytest.raises(ConnectionAbortedError):
        upgrade.fn("lab")
    server.fails_with = 503
    cluster.bootstrapper.cut_short_after = None
    with pytest.raises(UnreachableError):  # this fake's registry stays away; the upgrade itself is done
        upgrade.fn("lab")
    assert versions(cluster) == [NEW]
    server.fails_with = None
    finish(cluster, monkeypatch)


def finish(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = use(monkeypatch, cluster)
    upgrade.fn("lab")
    assert versions(cluster) == [NEW] * len(cluster.replicas)
    assert all(replica.healthy for replica in cluster.replicas)
    assert records(cluster) == []
    assert len(points_of(cluster)) == 2
    assert runs[0].report.state == "completed"


def test_an_interrupted_upgrade_is_finished_although_its_way_back_has_grown_old(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.bootstrapper.cut_short_after = 1
    with pytest.raises(ConnectionAbortedError):
        upgrade.fn("lab")
    cluster.settings.upgrade.max_point_age_hours = 0.01
    cluster.bootstrapper.cut_short_after = None
    finish(cluster, monkeypatch)


def test_without_a_way_back_nothing_is_touched(cluster: FakeCluster) -> None:
    cluster.settings.upgrade.max_point_age_hours = 0.5
    with pytest.raises(RefusedError, match=r"there is no way back: .* old.*\n.*with version 2\.9\.29"):
        upgrade.fn("lab")
    assert (versions(cluster), records(cluster)) == ([OLD] * 3, [])
    upgrade.fn("lab", max_point_age_hours=2)
    assert versions(cluster) == [NEW] * 3


def test_a_node_without_the_images_gets_them_before_anything_is_upgraded(cluster: FakeCluster) -> None:
    (cluster.ssh("msr-2").folder / "images").write_text("")
    with pytest.raises(RefusedError, match="msr-2"):
        upgrade.fn("lab")
    assert (versions(cluster), records(cluster)) == ([OLD] * 3, [])
    cluster.ssh("msr-2").offer(*cluster.bootstrapper.images())
    assert ("load images", "msr-2") in [
        (s.action, s.where) for s in plan_of(upgrade.fn("lab", plan_only=True)).steps
    ]
    assert ("load images", "msr-2") in [(s.action, s.where) for s in upgrade.fn("lab").did]
    assert versions(cluster) == [NEW] * 3


@pytest.mark.parametrize(
    ("to", "words"), [("2.9.18", "there is no downgrade"), ("2.11.0", "none of the versions")]
)
def test_a_version_that_cannot_be_reached_is_refused(to: str, words: str, cluster: FakeCluster) -> None:
    with pytest.raises(RefusedError, match=words):
        upgrade.fn("lab", to=to)
    assert (versions(cluster), records(cluster)) == ([OLD] * 3, [])


def test_an_unhealthy_cluster_is_not_upgraded(cluster: FakeCluster) -> None:
    cluster.replicas[2] = dead(3)
    with pytest.raises(RefusedError, match="the cluster is not healthy"):
        upgrade.fn("lab")


def test_a_schedule_that_the_upgrade_lost_fails_the_run_and_stays_on_record(
    cluster: FakeCluster, server: RegistryServer
) -> None:
    server.crons["onlinegc"] = {"schedule": "0 0 3 * * 6"}
    loses(cluster, server)
    with pytest.raises(MismatchError, match="not as before: onlinegc is never and was 0 0 3"):
        upgrade.fn("lab")
    assert records(cluster) == ["lab/upgrades/unfinished"]
    assert len(points_of(cluster)) == 2, "the new version is backed up all the same"
    server.crons["onlinegc"] = {"schedule": "0 0 3 * * 6"}
    upgrade.fn("lab")
    assert records(cluster) == []


def test_a_schedule_that_was_changed_on_purpose_is_accepted_by_name_and_the_run_ends(
    cluster: FakeCluster, server: RegistryServer
) -> None:
    server.crons["onlinegc"] = {"schedule": "0 0 3 * * 6"}
    loses(cluster, server)
    with pytest.raises(MismatchError, match="run it with --accept-differences"):
        upgrade.fn("lab")
    report = upgrade.fn("lab", accept_differences=True)
    assert "after the upgrade, accepted: onlinegc is never and was 0 0 3 * * 6" in report.notes
    assert records(cluster) == []
    assert {step.action for step in plan_of(upgrade.fn("lab", plan_only=True)).steps} == {"keep"}


def test_what_is_on_record_never_replaces_the_way_back_while_no_replica_is_new(
    cluster: FakeCluster, server: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.bootstrapper.cut_short_after = 0
    with pytest.raises(ConnectionAbortedError):
        upgrade.fn("lab")
    cluster.bootstrapper.cut_short_after = None
    cluster.replicas = [alive(1), alive(2), alive(3)]  # restored to the old version since
    server.crons["onlinegc"] = {"schedule": "@weekly"}
    cluster.settings.upgrade.max_point_age_hours = 0.5
    with pytest.raises(RefusedError, match="there is no way back"):
        upgrade.fn("lab")
    assert versions(cluster) == [OLD] * 3
    cluster.settings.upgrade.max_point_age_hours = 2
    server.crons["onlinegc"] = {"schedule": "0 0 3 * * 6"}
    finish(cluster, monkeypatch)  # compared with what was true before this run


def test_the_second_phase_of_a_run_that_died_is_planned_away_and_bars_nothing(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.ssh("dtr2").phase2.write_text("exited")
    planned = plan_of(upgrade.fn("lab", plan_only=True)).steps
    assert ("destroy", "dtr2") in [(step.action, step.where) for step in planned]
    assert cluster.seen.bootstrappers
    finish(cluster, monkeypatch)
    assert cluster.seen.bootstrappers == {}


def test_the_older_bootstrapper_is_brought_to_a_manager_where_none_has_it(cluster: FakeCluster) -> None:
    manager = cluster.ssh("mke-manager-1")
    manager.folder.joinpath("images").write_text(f"{cluster.bootstrapper_image} sha256:pulled\n")
    with pytest.raises(RefusedError, match="mke-manager-1"):
        upgrade.fn("lab")
    assert (versions(cluster), records(cluster)) == ([OLD] * 3, [])
    manager.offer(OLDER)
    planned = [(s.action, s.what) for s in plan_of(upgrade.fn("lab", plan_only=True)).steps]
    assert ("load images", f"{OLDER}, the older bootstrapper") in planned
    assert OLDER not in manager.images
    upgrade.fn("lab")
    assert OLDER in manager.images


def test_the_vendors_old_image_name_is_refused_before_anything_is_pulled(cluster: FakeCluster) -> None:
    cluster.settings.registry.image = "mirantis/dtr"
    with pytest.raises(RefusedError, match="registry.image: mirantis/dtr is the vendor's name"):
        upgrade.fn("lab")
    assert (versions(cluster), records(cluster)) == ([OLD] * 3, [])


def test_a_setting_that_is_otherwise_is_in_the_report_by_its_name(
    cluster: FakeCluster, server: RegistryServer
) -> None:
    server.settings["httpProxy"] = "http://user:secret@proxy"
    server.crons.clear()
    loses(cluster, server)
    report = upgrade.fn("lab")
    assert "after the upgrade setting httpProxy is not as before" in report.notes
    assert "secret" not in report.to_markdown()


def loses(cluster: FakeCluster, server: RegistryServer) -> None:
    """Have the vendor's upgrade lose schedules and settings."""
    does = cluster.bootstrapper.upgrade

    def upgrade_and_lose(existing: str) -> None:
        does(existing)
        server.crons.clear()
        server.settings.pop("httpProxy", None)

    cluster.bootstrapper.upgrade = upgrade_and_lose  # type: ignore[method-assign]


def test_the_record_in_the_vault_shows_no_secret(cluster: FakeCluster, server: RegistryServer) -> None:
    server.settings["httpProxy"] = "http://user:secret@proxy"
    cluster.bootstrapper.cut_short_after = 0
    with pytest.raises(ConnectionAbortedError):
        upgrade.fn("lab")
    assert b"secret" not in cluster.vault.get_bytes("lab/upgrades/unfinished")


def test_the_command_passes_everything_on_and_prints_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def flow(cluster: str, **options: object) -> Report:
        asked.append((cluster, options))
        return Report("upgrade", cluster, "brave-otter", plan=Plan("upgrade", "prod", ()))

    monkeypatch.setattr(cli_upgrade, "upgrade", flow)
    arguments = [
        "upgrade",
        "--cluster",
        "a",
        "--to",
        NEW,
        "--max-point-age-hours",
        "48",
        "--accept-differences",
        "--plan",
        "--json",
    ]
    result = CliRunner().invoke(cli.app, arguments)
    assert asked == [
        ("a", {"to": NEW, "max_point_age_hours": 48.0, "accept_differences": True, "plan_only": True})
    ]
    assert json.loads(result.stdout) == {"flow": "upgrade", "cluster": "prod", "steps": []}
