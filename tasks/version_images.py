"""The bootstrappers of older versions, which recovery points need that are kept."""

from collections.abc import Sequence

from prefect import get_run_logger

from blocks.connection import ClusterConnection
from blocks.image_source import ImageSourceSettings
from runbook.domain.access import Role
from runbook.domain.errors import RunbookError, UnreachableError
from runbook.domain.findings import Finding, Level, ok
from runbook.domain.image_advice import how_to_bring
from runbook.domain.upgrade import image_for
from runbook.domain.versions import parse_version
from runbook.remote.recovery_points import list_points
from tasks.policy import step


@step("check images of older points")
def check_older_images(cluster: ClusterConnection) -> tuple[Finding, ...]:
    """Return whether a manager has the bootstrapper that each verified point of another version needs.

    A registry may stop offering an old version; what is on a node is there on the day of the restore.
    """
    try:
        needed = _needed(cluster)
        findings = tuple(_judge(cluster, image, ids) for image, ids in needed.items())
    except RunbookError:  # the vault is told by its own check
        return ()
    for finding in findings:
        get_run_logger().info("%s: %s, %s", finding.where, finding.level, finding.what)
    return findings


def _needed(cluster: ClusterConnection) -> dict[str, list[str]]:
    """Return the images of other versions, each with the verified points that need it."""
    needed: dict[str, list[str]] = {}
    for point in list_points(cluster.vault_as(Role.VERIFIER), cluster.name):
        if point.verified and point.manifest and point.manifest.registry_version != str(cluster.version):
            version = parse_version(point.manifest.registry_version)
            image = image_for(cluster.settings.registry.image, cluster.version, version)
            needed.setdefault(image, []).append(point.id)
    return needed


def _judge(cluster: ClusterConnection, image: str, ids: Sequence[str]) -> Finding:
    what = f"{image}, which {len(ids)} recovery points need, newest {ids[-1]}"
    managers = [node.name for node in cluster.settings.managers]
    for manager in managers:
        try:
            if _has(cluster, manager, image):
                return ok(manager, f"{what}, is there")
        except UnreachableError:  # told by the check of that node
            continue
    images = cluster.settings.registry.images or ImageSourceSettings()
    bring = how_to_bring(image, images.source(), archive=bool(images.archive))
    return Finding(Level.WARNING, managers[0], f"{what}, is on no manager", bring)


def _has(cluster: ClusterConnection, node: str, image: str) -> bool:
    done = cluster.ssh(node).run(("docker", "image", "inspect", "--format", "{{.Id}}", image))
    return done.status == 0
