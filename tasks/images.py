"""Images through the external URL: the canary that proves a path, and samples that prove a restore."""

import secrets
from datetime import UTC, datetime
from functools import partial
from itertools import islice

from prefect import get_run_logger

from blocks.connection import ClusterConnection
from runbook.domain.errors import MismatchError
from runbook.domain.plans import NO_REPLICA, Action, Step
from runbook.domain.recovery import Canary
from runbook.remote.registry_api import Registry
from runbook.remote.registry_images import NotByDigestError, build_image
from tasks.policy import step

CANARY_REPOSITORY = "runbook-canary"
CANARY_TAG = "latest"
SAMPLE = 5
"""Repositories of which one image each is pulled after a restore, before other replicas join."""
LOOKED_AT, TRIED = 50, 3
"""At most so many repositories are looked at for it, and so many images of each are tried."""


@step("push canary")
def push_canary(cluster: ClusterConnection) -> Canary:
    """Leave a small image, unlike any before it, under a known name; return the name and its digest."""
    namespace = cluster.settings.control_plane.user
    reference = f"{namespace}/{CANARY_REPOSITORY}:{CANARY_TAG}"
    with cluster.admin as admin:
        admin.create_repository(namespace, CANARY_REPOSITORY, visibility="private")
    with cluster.registry as registry:
        image = build_image([secrets.token_bytes(1024)], labels={"pushed": datetime.now(UTC).isoformat()})
        digest = registry.push_image(reference, image)
    get_run_logger().info("%s: canary %s is %s", cluster.settings.registry.host, reference, digest)
    return Canary(reference, digest)


@step("canary")
def ensure_canary(cluster: ClusterConnection) -> Canary:
    """Leave a canary under its known name, keeping one that is there; return its name and digest."""
    namespace = cluster.settings.control_plane.user
    reference = f"{namespace}/{CANARY_REPOSITORY}:{CANARY_TAG}"
    with cluster.admin as admin:
        made = admin.create_repository(namespace, CANARY_REPOSITORY, visibility="private")
        digest = None if made else admin.tags(namespace, CANARY_REPOSITORY).get(CANARY_TAG)
    if digest is None:
        return push_canary.fn(cluster)
    get_run_logger().info("%s: keep canary %s (it is there)", cluster.settings.registry.host, reference)
    return Canary(reference, digest)


@step("plan canary")
def plan_canary(cluster: ClusterConnection) -> Step:
    """Return whether a canary is there to be pulled, or will be pushed."""
    namespace, where = cluster.settings.control_plane.user, cluster.settings.registry.external_url
    wanted = "canary pushed and pulled"
    if not cluster.observe().healthy:
        return Step(Action.VERIFY, where, wanted, NO_REPLICA)
    with cluster.admin as admin:
        names = {repository.full_name for repository in admin.repositories(namespace)}
        known = f"{namespace}/{CANARY_REPOSITORY}" in names
        there = known and CANARY_TAG in admin.tags(namespace, CANARY_REPOSITORY)
    if there:
        return Step(Action.KEEP, where, "canary", "it is there")
    return Step(Action.VERIFY, where, wanted, "it proves the path")


@step("pull canary")
def verify_canary(cluster: ClusterConnection, canary: Canary | None) -> None:
    """Return once the canary was read through the external URL by digest, every byte hashed."""
    if canary is None:
        get_run_logger().warning("%s: this recovery point has no canary", cluster.name)
        return
    with cluster.registry as registry:
        if registry.head_manifest(canary.reference) != canary.digest:
            raise MismatchError(
                canary.reference, f"it is not {canary.digest}", "look at the replicas' storage settings"
            )
    verify_former_canary.fn(cluster, canary)


@step("pull former canary")
def verify_former_canary(cluster: ClusterConnection, canary: Canary) -> None:
    """Return once the canary was read by digest, every byte hashed; a backup may have moved its tag on."""
    repository = canary.reference.rpartition(":")[0]
    with cluster.registry as registry:
        pulled = registry.pull_image(f"{repository}@{canary.digest}")
    get_run_logger().info(
        "%s: canary pulled by digest, %s bytes", cluster.settings.registry.host, pulled.size
    )


@step("pull sampled images")
def verify_sample(cluster: ClusterConnection) -> tuple[str, ...]:
    """Return references of images of up to `SAMPLE` repositories, each pulled by digest, every byte hashed.

    An image that its digest cannot verify is logged and left out, and another one taken instead.
    """
    pulled: list[str] = []
    with cluster.admin as admin, cluster.registry as registry:
        for repository in admin.repositories()[:LOOKED_AT]:
            digests = admin.tags(repository.namespace, repository.name).values()
            references = [f"{repository.full_name}@{digest}" for digest in dict.fromkeys(digests)]
            pulled += islice(filter(partial(_is_sound, registry), references[:TRIED]), 1)
            if len(pulled) == SAMPLE:
                break
    if not pulled:
        get_run_logger().warning("%s: no image could be sampled", cluster.name)
    return tuple(pulled)


def _is_sound(registry: Registry, reference: str) -> bool:
    """Pull an image and return True; False if its digest cannot verify it, MismatchError if it is damaged."""
    try:
        image = registry.pull_image(reference)
    except NotByDigestError as error:
        get_run_logger().warning("not sampled: %s: %s", reference, error.what)
        return False
    left_out = f"; {image.elsewhere} layers are kept elsewhere and were not read" if image.elsewhere else ""
    get_run_logger().info("pulled %s, %s bytes%s", reference, image.size, left_out)
    return True
