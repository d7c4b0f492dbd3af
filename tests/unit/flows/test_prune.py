import pytest
from prefect.states import State

from blocks.retention import RetentionSettings
from flows import backup as backup_module
from flows import prune as prune_module
from flows.backup import backup
from flows.prune import prune
from runbook.domain.errors import RefusedError, UnreachableError
from runbook.domain.recovery import INDEX, MANIFEST, part_key
from runbook.domain.report import Report
from runbook.remote.encryption import generate_identity
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.many_points import confirmed, points_of
from tests.fakes.runs import DirectRun
from tests.fakes.vaults import refusing, untouchable


def did(report: Report) -> list[tuple[str, str]]:
    return [(step.action, step.where) for step in report.did]


def test_without_confirmation_pruning_shows_what_would_go_and_touches_nothing(cluster: FakeCluster) -> None:
    cluster.vault = untouchable(cluster.vault)  # type: ignore[assignment]
    report = prune.fn("lab")
    assert report.state == "planned, nothing was touched"
    assert report.plan
    assert [step.action for step in report.plan.steps] == ["keep", "keep", "remove", "remove", "remove"]
    assert [step.reason for step in report.plan.steps[1:3]] == ["one of the last 2", "no rule keeps it"]
    assert any("run `runbook points prune --confirm`" in note for note in report.notes)


@pytest.mark.parametrize("by", ["the command", "the cluster file"])
def test_confirmed_pruning_removes_point_by_point_and_then_sweeps(cluster: FakeCluster, by: str) -> None:
    ids = points_of(cluster)
    cluster.settings.vault.retention.confirmed = by == "the cluster file"
    report = prune.fn("lab", confirm=by == "the command")
    assert points_of(cluster) == ids[:2]
    assert did(report) == [
        ("remove", ids[2]),
        ("remove", ids[3]),
        ("keep", cluster.vault.where),
    ]
    assert report.state == "completed"
    again = prune.fn("lab", confirm=True)
    assert did(again) == [("keep", cluster.vault.where)]


def test_a_plan_touches_nothing_whatever_is_confirmed(cluster: FakeCluster) -> None:
    confirmed(cluster)
    cluster.vault = untouchable(cluster.vault)  # type: ignore[assignment]
    assert prune.fn("lab", plan_only=True, confirm=True).notes == []


def test_what_stays_is_read_before_anything_goes(cluster: FakeCluster) -> None:
    ids = points_of(cluster)
    cluster.vault.delete(part_key("lab", ids[1], INDEX))
    with pytest.raises(RefusedError, match=f"point {ids[1]}: which image data it needs is not known"):
        prune.fn("lab", confirm=True)
    assert points_of(cluster) == ids


def test_a_plan_says_what_would_keep_it_from_being_carried_out(cluster: FakeCluster) -> None:
    cluster.identity = generate_identity()[0]
    assert "which image data it needs is not known" in prune.fn("lab", plan_only=True).notes[0]
    cluster.settings.vault.retention.most_at_once = 1
    assert "`runbook points prune --confirm --most 2`" in prune.fn("lab", plan_only=True).notes[0]


def test_a_refused_plan_is_refused_with_what_permits_it(cluster: FakeCluster) -> None:
    ids = points_of(cluster)
    cluster.settings.vault.retention.most_at_once = 1
    with pytest.raises(RefusedError, match=r"nothing is removed: 2 points would go at once.*\n.*--most 2"):
        prune.fn("lab", confirm=True)
    assert points_of(cluster) == ids
    prune.fn("lab", confirm=True, most_at_once=2)
    assert points_of(cluster) == ids[:2]


def test_what_was_removed_is_in_the_report_although_the_run_failed(cluster: FakeCluster) -> None:
    ids = points_of(cluster)
    runs: list[DirectRun] = []

    def unreachable_at(name: str) -> None:
        if ids[3] in name:
            raise UnreachableError("vault", "it does not answer", "wait")

    def run(flow: str, _name: str) -> DirectRun:
        runs.append(DirectRun(flow, cluster))
        runs[0].before = unreachable_at
        return runs[0]

    with pytest.MonkeyPatch.context() as patch, pytest.raises(UnreachableError):
        patch.setattr(prune_module, "Run", run)
        prune.fn("lab", confirm=True)
    assert did(runs[0].report) == [("remove", ids[2])]
    assert points_of(cluster) == [*ids[:2], ids[3]]


def test_a_backup_prunes_what_the_cluster_file_confirms(cluster: FakeCluster) -> None:
    ids = confirmed(cluster)
    report = backup.fn("lab")
    assert points_of(cluster)[1:] == ids[:1]
    assert [action for action, _ in did(report)] == ["remove", "remove", "remove", "keep"]
    assert report.state == "completed"


def test_a_backup_says_what_would_go_where_nothing_is_confirmed(cluster: FakeCluster) -> None:
    ids = points_of(cluster)
    report = backup.fn("lab")
    assert points_of(cluster)[1:] == ids
    assert f"retention: 5 points, 3 kept by no rule: {', '.join(ids[1:])}" in report.notes
    assert report.did == []


def test_a_backup_without_rules_looks_at_nothing(cluster: FakeCluster) -> None:
    cluster.settings.vault.retention = RetentionSettings(confirmed=True)
    report = backup.fn("lab")
    assert (len(points_of(cluster)), report.notes, report.did) == (5, [], [])


def data_of(ended: Report) -> tuple[Report, str]:
    """The report and the message of the state that a flow ended with."""
    assert isinstance(ended, State)
    assert ended.is_completed()
    return ended.data, str(ended.message)


def test_an_old_point_that_cannot_be_read_fails_no_backup_and_nothing_is_pruned(
    cluster: FakeCluster,
) -> None:
    ids = confirmed(cluster)
    cluster.vault.put_bytes(part_key("lab", ids[2], MANIFEST), b"{}")
    report, message = data_of(backup.fn("lab"))
    assert message == (
        f"the recovery point is published; nothing was pruned: point {ids[2]}: which image data it needs is not "
        "known: the manifest is damaged: 'format_version' is None, not int"
    )
    assert report.notes[-1].startswith(message)
    assert "Next: nothing is pruned until it can be read" in report.notes[-1]
    assert report.state == "completed; the recovery point is published, pruning is not done"
    assert points_of(cluster)[1:] == ids


def test_pruning_that_breaks_off_says_so_in_the_state_and_the_report(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    confirmed(cluster)
    cut = DirectRun("backup", cluster)

    def unreachable_at(name: str) -> None:
        if name == "sweep image data":
            raise UnreachableError("vault", "it does not answer", "wait")

    cut.before = unreachable_at
    monkeypatch.setattr(backup_module, "Run", lambda *_: cut)
    report, message = data_of(backup.fn("lab"))
    assert message == "the recovery point is published; pruning is not finished: vault: it does not answer"
    assert [action for action, _ in did(report)] == ["remove", "remove", "remove"]


def test_a_bug_in_pruning_fails_the_run_and_the_report_says_that_the_point_is_published(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    confirmed(cluster)
    broken = DirectRun("backup", cluster)

    def bug(_name: str) -> None:
        raise ZeroDivisionError

    broken.before = bug
    monkeypatch.setattr(backup_module, "Run", lambda *_: broken)
    with pytest.raises(ZeroDivisionError):
        backup.fn("lab")
    assert broken.report.notes == ["the recovery point is published; pruning failed"]


def test_deletions_that_the_vault_refuses_fail_no_backup_and_are_in_its_report(cluster: FakeCluster) -> None:
    ids = confirmed(cluster)
    cluster.vault = refusing(cluster.vault, f"{ids[2]}/{MANIFEST}")  # type: ignore[assignment]
    report = backup.fn("lab")
    assert points_of(cluster)[1:] == [ids[0], ids[2]]
    kept = [step for step in report.did if step.where == ids[2]]
    assert [(step.action, "the vault refuses" in step.reason) for step in kept] == [("keep", True)]


def test_the_plan_of_a_backup_names_the_removals_that_would_come(cluster: FakeCluster) -> None:
    ids = confirmed(cluster)
    cluster.vault = untouchable(cluster.vault)  # type: ignore[assignment]
    report = backup.fn("lab", plan_only=True)
    assert report.plan
    assert [(step.action, step.where) for step in report.plan.steps[-4:]] == [
        *(("remove", identifier) for identifier in ids[1:]),
        ("remove", cluster.vault.where),
    ]


def test_the_plan_of_a_backup_says_that_nothing_is_confirmed_or_permitted(cluster: FakeCluster) -> None:
    report = backup.fn("lab", plan_only=True)
    assert report.plan
    assert {step.action for step in report.plan.steps[-4:]} == {"keep"}
    assert "it stays, retention is not confirmed" in report.plan.steps[-1].reason
    cluster.settings.vault.retention.most_at_once = 1
    assert backup.fn("lab", plan_only=True).notes == [
        "nothing would be pruned: 3 points would go at once, more than 1"
    ]
