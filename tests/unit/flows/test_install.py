"""The whole of an install on a cluster that holds state: what it does, does again, and plans."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prefect.logging import disable_run_logger

from flows import install as install_module
from flows.install import install
from runbook.domain.errors import LockedError, MismatchError, RefusedError
from runbook.domain.locks import LEASE, LockRecord
from runbook.domain.plans import Action
from runbook.domain.report import Report
from runbook.remote.locks import hold_lock
from runbook.remote.registry_http import UnlicensedError
from runbook.remote.storage import S3Storage
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.guarded_s3 import DELETE, LIST, READ, WRITE, guarded_s3
from tests.fakes.memory_storage import MemoryStorage
from tests.fakes.registry_server import RegistryServer, registry_server
from tests.fakes.runs import DirectRun
from tests.fakes.stored_images import blob_path


class StorageOf(MemoryStorage, S3Storage):
    """Shows the blobs that a registry has, at once, as a bucket does; what is tried on it is tried on `bucket`."""

    where = "s3://images"  # type: ignore[assignment]

    def __init__(self, server: RegistryServer, bucket: S3Storage) -> None:
        S3Storage.__init__(self, bucket.client, bucket.bucket)
        self._server = server

    @property
    def objects(self) -> dict[str, bytes]:  # type: ignore[override]
        return {blob_path(data): data for data in self._server.blobs.values()}


@pytest.fixture(scope="module")
def bucket() -> Iterator[S3Storage]:
    with guarded_s3() as s3:
        s3.grants["all"] = frozenset({LIST, READ, WRITE, DELETE})
        yield S3Storage(s3.client("all"), s3.new_bucket(lock=False))


@pytest.fixture
def cluster(bucket: S3Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCluster]:
    """No replica; every node has the images; nothing is looked at beforehand."""
    monkeypatch.setenv("MSR_S3_ACCESS_KEY", "key")
    monkeypatch.setenv("MSR_S3_SECRET_KEY", "secret")
    with disable_run_logger(), registry_server() as server:
        cluster = FakeCluster(tmp_path / "vault", server=server)
        cluster.folder.mkdir(exist_ok=True)
        cluster.storage = StorageOf(server, bucket)
        for node in cluster.settings.nodes:
            cluster.ssh(node.name).load(*cluster.bootstrapper.images())
        monkeypatch.setattr(install_module, "Run", lambda flow, _name: DirectRun(flow, cluster))
        monkeypatch.setattr(install_module, "preflight", other_checks)
        yield cluster


def other_checks(run: DirectRun, *, also: Sequence[Any], **_: object) -> list[Any]:
    """Find nothing, and look at what the flow has looked at beside the rest."""
    return [run.step(check) for check in also]


def actions(report: Report) -> dict[str, Action]:
    steps = report.plan.steps if report.plan else report.did
    return {step.what: step.action for step in steps}


def test_a_plan_before_names_what_will_be_done_and_does_none_of_it(cluster: FakeCluster) -> None:
    report = install.fn("lab", plan_only=True)
    assert report.state == "planned, nothing was touched"
    done = {what: action for what, action in actions(report).items() if action is not Action.KEEP}
    assert done == {
        "the first replica of 2.9.29": Action.INSTALL,
        "storage settings": Action.CONFIGURE,
        "pool of the first replica": Action.CONFIGURE,
        "canary pushed and pulled": Action.VERIFY,
    }
    assert (cluster.replicas, cluster.load_balancer.applied) == ([], 0)
    assert cluster.server
    assert cluster.server.blobs == {}


def test_after_an_install_plan_and_install_keep_everything(cluster: FakeCluster) -> None:
    first = actions(install.fn("lab"))
    assert first["the first replica of 2.9.29"] is Action.INSTALL
    assert first["storage settings"] is Action.CONFIGURE
    planned = install.fn("lab", plan_only=True)
    assert set(actions(planned).values()) == {Action.KEEP}
    assert set(actions(install.fn("lab")).values()) == {Action.KEEP}
    assert cluster.load_balancer.applied == 1


def test_a_plan_says_what_an_operator_has_changed_since(cluster: FakeCluster) -> None:
    install.fn("lab")
    cluster.load_balancer.pool = ("dtr9",)
    cluster.ssh("msr-2").folder.joinpath("images").write_text("")
    changed = [
        step for step in install.fn("lab", plan_only=True).plan.steps if step.action is not Action.KEEP
    ]
    assert [(step.where, step.action) for step in changed] == [
        ("msr-2", Action.LOAD_IMAGES),
        ("lb-1", Action.CONFIGURE),
    ]


def test_the_storage_is_written_to_by_who_holds_the_cluster_alone(cluster: FakeCluster) -> None:
    cluster.storage.client = None  # type: ignore[attr-defined]  # whoever tries it fails
    now = datetime.now(UTC)
    another = LockRecord("another", "backup", "elsewhere", now, now + LEASE)
    with hold_lock(cluster.vault, cluster.name, another), pytest.raises(LockedError, match="backup"):
        install.fn("lab")


def test_a_storage_that_cannot_be_written_is_refused_before_anything_is_installed(
    cluster: FakeCluster,
) -> None:
    with guarded_s3() as s3:
        s3.grants["few"] = frozenset({LIST})
        cluster.storage = StorageOf(cluster.server, S3Storage(s3.client("few"), s3.new_bucket(lock=False)))  # type: ignore[arg-type]
        with pytest.raises(RefusedError, match="s3:PutObject"):
            install.fn("lab")
    assert cluster.replicas == []


def test_images_that_lie_elsewhere_than_the_cluster_file_says_fail_the_install(
    cluster: FakeCluster, bucket: S3Storage
) -> None:
    with registry_server() as another:
        cluster.storage = StorageOf(another, bucket)
    with pytest.raises(MismatchError, match="2 of the canary's 2 blobs are not there"):
        install.fn("lab")


def test_a_missing_licence_is_one_clear_refusal_and_a_second_run_finishes(cluster: FakeCluster) -> None:
    assert cluster.server
    cluster.server.licensed = False
    with pytest.raises(UnlicensedError) as refused:
        install.fn("lab")
    assert refused.value.what == "the registry has no licence: it answered 402: DTR doesn't have a license"
    assert refused.value.next_step == "upload its licence in its UI (System > General), then rerun"
    cluster.server.licensed = True
    assert install.fn("lab").state == "completed"
