"""Images of a version on the nodes: of the one that is to run, and of those that kept recovery points need."""

from collections.abc import Sequence

from prefect import get_run_logger

from blocks.connection import ClusterConnection
from runbook.domain.access import Role
from runbook.domain.errors import RefusedError, RunbookError, UnreachableError
from runbook.domain.findings import Finding, Level, ok
from runbook.domain.plans import Action, Step
from runbook.domain.upgrade import WHERE, image_for
from runbook.domain.versions import image_repository, parse_version
from runbook.remote.recovery_points import list_points
from tasks.policy import step

_MISSING = 'for image in "$@"; do docker image inspect --format {{.Id}} "$image" >/dev/null 2>&1 || echo "$image"; done'


@step("images of {version}")
def require_images(cluster: ClusterConnection, version: str) -> tuple[Step, ...]:
    """Return that every node has what it needs of `version`; RefusedError names each image that one lacks.

    The bootstrapper must be everywhere, and all that it lists where a replica may be.
    """
    image = cluster.bootstrapper_image
    nodes = [node.name for node in cluster.settings.nodes]
    _refuse({node: _lacks(cluster, node, [image]) for node in nodes}, version)
    images = cluster.bootstrapper.images()
    _refuse(
        {node.name: _lacks(cluster, node.name, images) for node in cluster.settings.registry_nodes}, version
    )
    return tuple(Step(Action.KEEP, node, f"images of {version}", "they are there") for node in nodes)


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
            if not _lacks(cluster, manager, [image]):
                return ok(manager, f"{what}, is there")
        except UnreachableError:  # told by the check of that node
            continue
    return Finding(Level.WARNING, managers[0], f"{what}, is on no manager", f"docker pull {image}")


def _lacks(cluster: ClusterConnection, node: str, images: Sequence[str]) -> list[str]:
    done = cluster.ssh(node).run(("sh", "-c", _MISSING, "images", *images))
    return done.stdout.decode(errors="replace").split()


def _refuse(lacking: dict[str, list[str]], version: str) -> None:
    if missing := {node: images for node, images in lacking.items() if images}:
        said = "; ".join(f"{node} lacks {', '.join(images)}" for node, images in missing.items())
        pulls = sorted({f"docker pull {image}" for images in missing.values() for image in images})
        vendor = image_repository(parse_version(version))
        next_step = f"on each of them: {'; '.join(pulls)} (the vendor publishes {version} as {vendor})"
        raise RefusedError(WHERE, said, next_step)
