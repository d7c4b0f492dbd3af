"""What is left of a lost registry: decide what helps, move it aside, clear it away."""

from dataclasses import dataclass
from datetime import UTC, datetime

from prefect import get_run_logger

from blocks.connection import ClusterConnection
from runbook.domain.disaster import Decision, Unfinished, decide, refuse_heavier_than_needed
from runbook.domain.errors import NotReadyError, RefusedError
from runbook.domain.plans import Action, Step
from runbook.domain.recovery import Manifest
from runbook.remote.set_aside import set_aside
from runbook.remote.unfinished import note_begun, unfinished_restore
from tasks.policy import step


@dataclass(frozen=True)
class SetAside:
    """A replica that was stopped and whose data is in `volume` now."""

    node: str
    replica_id: str
    volume: str

    @property
    def step(self) -> Step:
        """What was done, for log and report."""
        what = f"data of {self.replica_id} in volume {self.volume}"
        return Step(Action.SET_ASIDE, self.node, what, "kept for later")


@step("decide remedy")
def decide_remedy(cluster: ClusterConnection, force_reason: str | None = None) -> Decision:
    """Return the decision to restore with its facts; RefusedError names a lighter remedy where there is one.

    A person may force the heavier remedy; the reason is in the log and in the report.
    """
    decision = decide(
        cluster.observe(),
        answers=cluster.answers(),
        unfinished=unfinished_restore(cluster.vault, cluster.name),
    )
    for fact in decision.facts:
        get_run_logger().info("%s: %s", cluster.name, fact)
    get_run_logger().info("%s: %s, because %s", cluster.name, decision.branch, decision.because)
    refuse_heavier_than_needed(decision, force_reason)
    if force_reason:
        get_run_logger().warning("%s: restore is forced: %s", cluster.name, force_reason)
    return decision


@step("set remains aside")
def set_aside_remains(cluster: ClusterConnection, point: Manifest) -> tuple[SetAside, ...]:
    """Leave no replica running and the data of each in a volume of its own, which nothing here deletes.

    From here on the restore is on record as unfinished, so that after a crash it may be started again.
    """
    note_begun(cluster.vault, cluster.name, Unfinished(point.id, point.replica_id))
    stamp = datetime.now(UTC).strftime("%Y%m%d%H%M%S")
    done = []
    for replica in cluster.observe().replicas:
        name = set_aside(cluster.ssh(replica.node), replica, stamp)
        done.append(SetAside(replica.node, replica.replica_id, name))
        get_run_logger().info("%s", done[-1].step)
    return tuple(done)


@step("destroy remains", retries=0)
def destroy_remains(cluster: ClusterConnection, aside: tuple[SetAside, ...]) -> tuple[Step, ...]:
    """Leave no container and no volume of any replica on the nodes that answer.

    Destroys nothing whose data was not set aside: a node that was silent then may answer now.
    """
    done = []
    safe = {(kept.node, kept.replica_id) for kept in aside}
    for replica in cluster.observe().replicas:
        if (replica.node, replica.replica_id) not in safe:
            raise RefusedError(
                replica.node,
                f"replica {replica.replica_id} came back meanwhile; its data was not set aside",
                "start the restore again and look at the new plan",
            )
        done.append(
            Step(Action.DESTROY, replica.node, f"replica {replica.replica_id}", "its data is set aside")
        )
        get_run_logger().info("%s", done[-1])
        cluster.bootstrapper.destroy(replica.replica_id)
    if left := cluster.observe().replicas:
        raise NotReadyError(
            left[0].node,
            f"after destroy, containers or volumes of replica {left[0].replica_id} are still there",
            "look at `docker ps -a` and `docker volume ls` there, then start the restore again",
        )
    return tuple(done)
