"""Second copies of recovery points: looked at, filled, verified and only then published, in vaults alone."""

from collections.abc import Sequence

from prefect import get_run_logger

from blocks.connection import ClusterConnection
from runbook.domain.errors import RunbookError
from runbook.domain.findings import Finding, Level, from_error, ok
from runbook.domain.plans import Action, Step
from runbook.domain.recovery import Manifest
from runbook.domain.second_copy import Copied, Wish, plan_copies, points_to_copy
from runbook.remote.copies_held import holds_point, ids_in, newest_id
from runbook.remote.recovery_points import list_points
from runbook.remote.second_copy import PointCopy
from tasks.policy import step


@step("check copies")
def check_copies(cluster: ClusterConnection) -> tuple[Finding, ...]:
    """Return for each configured copy whether it holds the newest verified point; none of it blocks."""
    copies = cluster.settings.vault.copies
    try:
        newest = newest_id(cluster.vault, cluster.name) if copies else None
    except RunbookError:
        return ()  # check_vault says so
    return tuple(_judged(cluster, copy.name, newest) for copy in copies) if newest else ()


def _judged(cluster: ClusterConnection, name: str, newest: str) -> Finding:
    where = f"copy {name}"
    try:
        if holds_point(cluster.copy_vault(name), cluster.name, newest):
            return ok(where, f"holds the newest verified recovery point {newest}")
    except RunbookError as error:
        return from_error(error, Level.WARNING)
    what = f"the newest verified recovery point {newest} is not there"
    return Finding(Level.WARNING, where, what, f"run `runbook points copy --to {name}`")


@step("choose recovery points")
def choose_points(cluster: ClusterConnection, wish: Wish) -> tuple[Manifest, ...]:
    """Return the points that each copy is to hold, newest first."""
    return points_to_copy(list_points(cluster.vault, cluster.name), wish)


@step("look at copy {name}")
def look_at_copy(
    cluster: ClusterConnection, name: str, manifests: Sequence[Manifest], wish: Wish
) -> tuple[Step, ...]:
    """Return what is to be done in this copy, one step for each point."""
    return plan_copies(name, manifests, ids_in(cluster.copy_vault(name), cluster.name), wish)


@step("copy blobs of {manifest.id} to {name}")
def copy_blobs(cluster: ClusterConnection, name: str, manifest: Manifest) -> Copied:
    """Leave every blob of the point in the copy; what is there already is kept."""
    limits = cluster.settings.vault.limits.copying
    done = _point_copy(cluster, name, manifest).copy_blobs(limits)
    get_run_logger().info("copy %s: %s", name, done)
    return done


@step("copy point {manifest.id} to {name}")
def copy_parts(cluster: ClusterConnection, name: str, manifest: Manifest) -> int:
    """Leave the point's own objects in the copy, as they are; its manifest is not among them yet."""
    return _point_copy(cluster, name, manifest).copy_parts()


@step("verify {manifest.id} in {name}")
def verify_copy(cluster: ClusterConnection, name: str, manifest: Manifest) -> None:
    """Return if what is in the copy reads back, opens and proves, and every blob is listed there."""
    report = _point_copy(cluster, name, manifest).verify()
    get_run_logger().info("copy %s: %s objects and %s blobs are sound", name, report.objects, report.blobs)


@step("publish {manifest.id} in {name}")
def publish_copy(cluster: ClusterConnection, name: str, manifest: Manifest, copied: Copied) -> Step:
    """Leave a recovery point in the copy: its manifest is written last."""
    _point_copy(cluster, name, manifest).publish()
    return Step(Action.COPY, f"copy {name}", manifest.id, f"{copied}; verified, its manifest is published")


def _point_copy(cluster: ClusterConnection, name: str, manifest: Manifest) -> PointCopy:
    return PointCopy(cluster.vault_as_stored, cluster.copy_vault(name), manifest, cluster.identity)
