"""The first replica: installed, kept, or begun anew where an install was cut short."""

import secrets
from dataclasses import replace

from prefect import get_run_logger

from blocks.connection import ClusterConnection
from blocks.install_request import install_secrets, make_install_spec
from runbook.domain.access import Role
from runbook.domain.changes import require_version
from runbook.domain.first_replica import Begun, FirstReplica, choose_first
from runbook.domain.health import ClusterSeen, why_not_healthy_cluster
from runbook.domain.plans import Action, Step
from runbook.remote.clearing import clear
from runbook.remote.recovery_points import list_points
from runbook.remote.taken_ports import require_free_ports
from runbook.remote.turns import in_turn, settle
from runbook.remote.unfinished_install import note_installed, note_installing, unfinished_install
from runbook.remote.waiting import wait_until
from tasks.policy import step

HEALTHY_WITHIN = 180.0
"""Seconds after which a replica that was just installed must answer its probe."""
_ID_BYTES = 6


@step("first replica", retries=0)
def ensure_first_replica(cluster: ClusterConnection) -> tuple[Step, ...]:
    """Leave the cluster with at least one healthy replica; keep what is there.

    The bootstrapper of a run that was killed is awaited. What such a run left half made is destroyed before.
    """
    return in_turn(lambda: _ensure(cluster), cluster.name)


@step("plan the first replica")
def plan_first_replica(cluster: ClusterConnection) -> tuple[Step, ...]:
    """Return what `ensure_first_replica` would do, the ports of its node free; RefusedError says why it may not."""
    first = _choose(cluster, settle(cluster.observe, cluster.name))
    if first.decision.action is Action.INSTALL and not first.left:
        _require_ports(cluster, first.decision.where)
    return first.steps


def _ensure(cluster: ClusterConnection) -> tuple[Step, ...]:
    seen = settle(cluster.observe, cluster.name)
    first = _choose(cluster, seen)
    clear(first.left, cluster.bootstrapper.destroy, cluster.ssh, cluster.observe)
    if first.decision.action is Action.INSTALL:
        _require_ports(cluster, first.decision.where)
        _install(cluster, first.decision.where)
    note_installed(cluster.vault, cluster.name)
    return first.steps


def _install(cluster: ClusterConnection, node: str) -> None:
    """Leave a healthy first replica on the node; its id is on record before anything is made."""
    replica_id = secrets.token_hex(_ID_BYTES)
    note_installing(cluster.vault, cluster.name, replica_id)
    spec = replace(make_install_spec(cluster.settings, node, cluster.ports), replica_id=replica_id)
    installed = cluster.bootstrapper.install(spec, install_secrets(cluster.settings))
    wait_until(
        lambda: why_not_healthy_cluster(cluster.observe(), (installed.replica_id,)),
        where=cluster.name,
        timeout=HEALTHY_WITHIN,
    )


def _choose(cluster: ClusterConnection, seen: ClusterSeen) -> FirstReplica:
    require_version(seen, str(cluster.version))
    first = choose_first(seen, cluster.registry_nodes, str(cluster.version), _begun(cluster))
    for planned in first.steps:
        get_run_logger().info("%s", planned)
    return first


def _begun(cluster: ClusterConnection) -> Begun | None:
    replica_id = unfinished_install(cluster.vault, cluster.name)
    if replica_id is None:
        return None
    return Begun(replica_id, bool(list_points(cluster.vault_as(Role.VERIFIER), cluster.name)))


def _require_ports(cluster: ClusterConnection, node: str) -> None:
    require_free_ports(node, cluster.ssh(node), cluster.ports.both)
