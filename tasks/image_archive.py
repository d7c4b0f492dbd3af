"""The archive of the registry's images on this machine, looked at before anything needs it."""

from pathlib import Path

from blocks.connection import ClusterConnection
from runbook.domain.errors import RefusedError, RunbookError
from runbook.domain.findings import Finding, Level, from_error, ok
from runbook.remote.image_archive import read_ids
from tasks.policy import step


@step("check the archive of images")
def check_image_archive(cluster: ClusterConnection) -> tuple[Finding, ...]:
    """Return whether the configured archive can be read and holds the bootstrapper; nothing without one."""
    images = cluster.settings.registry.images
    if images is None or images.archive is None:
        return ()
    where, wanted = f"registry.images.archive {images.archive}", cluster.bootstrapper_image
    try:
        held = read_ids(Path(images.archive))
    except RunbookError as error:
        return (from_error(error),)
    if wanted in held:
        return (ok(where, f"it holds {wanted}"),)
    next_step = "save it again with every image that the bootstrapper's `images` lists"
    return (Finding(Level.BLOCKS, where, f"it does not hold {wanted}", next_step, RefusedError),)
