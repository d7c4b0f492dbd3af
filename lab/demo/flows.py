"""The parts of the story that are no runbook: fill, lose, compare. Deployed in the lab alone."""

import json
from typing import Any

from prefect import flow, get_run_logger

from blocks.connection import ClusterConnection
from flows.run import Run
from lab import commands
from lab.demo.accounts import ensure_accounts
from lab.demo.content import (
    REPOSITORIES,
    SampleRepository,
    late_image,
    push_repository,
    read_settings,
    write_settings,
)
from lab.paths import VAR
from tasks.policy import step

PUSHED = VAR / "demo" / "pushed.json"
COMPARED = VAR / "demo" / "compared.json"


@flow(name="lab-fill", flow_run_name="fill {cluster}")
def fill(cluster: str) -> None:
    """Leave the registry with the story's images, settings and permissions, and a record of them."""
    with Run("lab-fill", cluster) as run:
        settings = run.step(fill_settings)
        pushed = run.together(push, [(repository,) for repository in REPOSITORIES], after=[settings])
        images = {reference: digest for future in pushed for reference, digest in future.result().items()}
        PUSHED.parent.mkdir(parents=True, exist_ok=True)
        PUSHED.write_text(
            json.dumps({"images": images, "metadata": settings.result()}, indent=2), encoding="utf-8"
        )
        run.report.notes.append(f"{len(images)} images in {len(REPOSITORIES)} repositories")


@flow(name="lab-push-late", flow_run_name="push late to {cluster}")
def push_late(cluster: str) -> None:
    """Leave an image that no recovery point knows."""
    with Run("lab-push-late", cluster) as run:
        run.step(push_one_late)


@flow(name="lab-disaster", flow_run_name="disaster on {cluster}")
def disaster(cluster: str) -> None:
    """Leave no container and no volume of any replica, and an empty bucket."""
    with Run("lab-disaster", cluster) as run:
        destroyed = run.step(break_lab, "replicas-destroyed")
        run.step(break_lab, "bucket-emptied", after=[destroyed])


@flow(name="lab-compare", flow_run_name="compare {cluster}")
def compare(cluster: str) -> None:
    """Leave a record of every image pulled by digest, whether the late one is gone and metadata is the same."""
    with Run("lab-compare", cluster) as run:
        before = json.loads(PUSHED.read_text(encoding="utf-8"))
        by_repository = [
            ({ref: digest for ref, digest in before["images"].items() if ref.startswith(f"{r.full_name}:")},)
            for r in REPOSITORIES
        ]
        pulled = run.together(pull, by_repository)
        late = run.step(look_for_late)
        metadata = run.step(compare_metadata, before["metadata"])
        images = [image for future in pulled for image in future.result()]
        document = {
            "images": images,
            "settings_equal": metadata.result(),
            "late_image_gone": not late.result(),
        }
        COMPARED.write_text(json.dumps(document, indent=2), encoding="utf-8")
        run.report.notes.append(
            f"{sum(i['pulled_after_restore'] for i in images)} of {len(images)} images pulled"
        )


@step("settings, repositories, permissions")
def fill_settings(cluster: ClusterConnection) -> dict[str, Any]:
    """Leave what lives only in metadata; return it as the registry shows it."""
    ensure_accounts(cluster.settings)
    with cluster.admin as admin:
        write_settings(admin)
        return read_settings(admin)


@step("push {repository.name}")
def push(cluster: ClusterConnection, repository: SampleRepository) -> dict[str, str]:
    """Leave all tags of a repository pushed through the load balancer."""
    with cluster.registry as registry:
        pushed = push_repository(registry, repository)
    get_run_logger().info("%s: %s tags pushed", repository.full_name, len(pushed))
    return pushed


@step("push an image that will be lost")
def push_one_late(cluster: ClusterConnection) -> str:
    """Leave one more tag, pushed after the backup."""
    reference, image = late_image()
    with cluster.registry as registry:
        registry.push_image(reference, image)
    get_run_logger().info("%s: pushed after the backup", reference)
    return reference


@step("{fault}")
def break_lab(_cluster: ClusterConnection, fault: str) -> None:
    """Make a fault of the lab happen."""
    commands.break_fault(fault)


@step("pull by digest")
def pull(cluster: ClusterConnection, images: dict[str, str]) -> list[dict[str, Any]]:
    """Return for each image whether it was pulled by its digest through the load balancer, every byte hashed."""
    found = []
    with cluster.registry as registry:
        for reference, digest in images.items():
            repository = reference.rpartition(":")[0]
            pulled = registry.pull_image(f"{repository}@{digest}")
            same = pulled.digest == digest and registry.head_manifest(reference) == digest
            found.append({"reference": reference, "digest": digest, "pulled_after_restore": same})
    return found


@step("look for the image that was to be lost")
def look_for_late(cluster: ClusterConnection) -> bool:
    """Return whether the image pushed after the backup is still there; the restore said that it would not be."""
    reference, _ = late_image()
    with cluster.registry as registry:
        found = registry.head_manifest(reference) is not None
    get_run_logger().info("%s: %s", reference, "is still there" if found else "is gone, as was said")
    return found


@step("compare settings and permissions")
def compare_metadata(cluster: ClusterConnection, before: dict[str, Any]) -> bool:
    """Return whether settings, repositories and permissions are what they were."""
    with cluster.admin as admin:
        after = read_settings(admin)
    after["repositories"] = {k: v for k, v in after["repositories"].items() if k in before["repositories"]}
    if after != before:
        get_run_logger().error("before %s, after %s", before, after)
    return after == before
