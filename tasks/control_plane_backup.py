"""The control plane's backup: a part of the recovery point, for whoever asks for it in the cluster file."""

from prefect import get_run_logger

from blocks.connection import ClusterConnection
from runbook.domain.control_plane_backup import WHERE, ControlPlaneArchive, why_not_whole
from runbook.domain.errors import InvalidConfigError, MismatchError, RunbookError, UnreachableError
from runbook.domain.findings import Finding, Level, from_error, ok
from runbook.domain.recovery import CONTROL_PLANE, part_key
from runbook.remote.control_plane_backup import stream_control_plane as stream
from tasks.policy import step


@step("check control plane's backup")
def check_control_plane_backup(cluster: ClusterConnection) -> tuple[Finding, ...]:
    """Return whether the image that backs up the control plane is on the manager that would run it."""
    try:
        image = cluster.control_plane_image
        findings = _look_for(cluster, image) if image else ()
    except RunbookError as error:
        findings = (from_error(error),)
    for finding in findings:
        get_run_logger().info("%s: %s, %s", finding.where, finding.level, finding.what)
    return findings


def _look_for(cluster: ClusterConnection, image: str) -> tuple[Finding, ...]:
    """Look at the first manager that answers; one that does not is a finding of its own elsewhere."""
    for manager in cluster.settings.managers:
        try:
            done = cluster.ssh(manager.name).run(("docker", "image", "inspect", "--format", "{{.Id}}", image))
        except UnreachableError:
            continue
        if done.status == 0:
            return (ok("control plane", f"{image}, which backs it up, is on {manager.name}"),)
        what = f"{image}, which backs up the control plane, is not there and must be pulled"
        return (Finding(Level.WARNING, manager.name, what, f"docker pull {image}"),)
    return ()


@step("stream control plane", retries=5)
def stream_control_plane(cluster: ClusterConnection, point: str) -> ControlPlaneArchive:
    """Leave the control plane's whole archive in the vault, or nothing of it; return what went by.

    It is tried again for about a minute: a control plane makes one backup at a time.
    """
    image = cluster.control_plane_image
    if image is None:
        raise InvalidConfigError(WHERE, "the cluster file asks for none", "give it control_plane.backup")
    recipients = cluster.settings.vault.recipients
    with (
        cluster.control_plane_backup(image).stream() as archive,
        cluster.vault.writer(part_key(cluster.name, point, CONTROL_PLANE)) as sink,
    ):
        kept = stream(archive, sink, recipients, image)
        archive.finish()
        if reason := why_not_whole(kept):
            what = f"the backup ended well and its archive is not whole: {reason}"
            raise MismatchError(
                WHERE, what, "nothing was published; read the log of that run, then run it again"
            )
    get_run_logger().info("%s: %s", WHERE, kept.sentence())
    return kept


@step("discard control plane", retries=0)
def discard_control_plane(cluster: ClusterConnection, point: str) -> None:
    """Leave nothing of the control plane in a point that will not be published; a hold waits for its release."""
    cluster.vault.delete(part_key(cluster.name, point, CONTROL_PLANE))
