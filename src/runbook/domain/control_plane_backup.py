"""The control plane's backup: how it is asked for, when its archive is whole, what its failures mean.

Users, organisations and teams live in the control plane and not in the registry's metadata. The exit status alone
proves nothing here either, so the archive is judged by what the vendor names: its end, its entries, its key.
"""

import re
from dataclasses import dataclass

from runbook.domain.bootstrapper_failures import advise
from runbook.domain.errors import RefusedError, RunbookError, UnreachableError
from runbook.domain.recovery import StoredPart
from runbook.domain.versions import Version, backs_up_without_downtime

CONTAINER = "ucp"  # the vendor's name for it: two of them cannot run on one node
WHERE = "control plane's backup"
KEY = "ucp-controller-server-certs/key.pem"
LEAST_ENTRIES = 27
NOT_IN_THE_POINT = (
    "users, organisations and teams are in the control plane and not in this recovery point; "
    "`control_plane.backup` in the cluster file takes them along"
)
_BUSY = re.compile(
    r"\bname\b.*\bucp\b.*\balready\b|\b(another|a) backup is (already )?(running|in progress)"
    r"|\bbackup\b.*\balready (running|in progress)",
    re.IGNORECASE,
)
_NO_IMAGE = re.compile(
    r"no such image|unable to find image|manifest unknown|pull access denied", re.IGNORECASE
)


@dataclass(frozen=True)
class ControlPlaneArchive:
    """What was seen while the control plane's archive went by."""

    image: str  # that wrote it: a restore needs the same major and minor version
    part: StoredPart
    entries: int  # folders counted
    key_size: int | None  # bytes of the controller's private key, None if it is not there
    ended_properly: bool
    trouble: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Return what a report says about it."""
        size = f"{self.part.plain_size / 1e6:.1f} MB"
        return f"users, organisations and teams: {self.entries} entries, {size}, written by {self.image}"


def make_control_plane_backup_command() -> tuple[str, ...]:
    """Return the arguments that write the control plane's archive to standard output.

    A passphrase would stand in the argument list; the stream is encrypted on its way into the vault instead.
    """
    return ("backup", "--no-passphrase")


def why_not_backed_up(version: Version) -> str | None:
    """Say why a control plane of this version is not backed up while it serves, None if it is."""
    if backs_up_without_downtime(version):
        return None
    return f"the backup of version {version} stops the control plane on its manager: only 3.2 and later go on"


def why_not_whole(archive: ControlPlaneArchive) -> str | None:
    """Say what is wrong with the control plane's archive, None when it is whole."""
    size = archive.part.plain_size
    if size == 0:
        return "the archive is empty"
    if archive.trouble:
        return f"it is no tar archive that can be read: {archive.trouble[0]}"
    if not archive.ended_properly:
        return f"the archive is cut off after {size} bytes: its two end blocks are missing"
    if archive.entries < LEAST_ENTRIES:
        return f"it has {archive.entries} entries, and a whole one has {LEAST_ENTRIES} or more"
    if archive.key_size is None:
        return f"it lacks ./{KEY}"
    return None if archive.key_size else f"./{KEY} is empty"


def failure(why: str) -> RunbookError:
    """Return the error for a backup that ended with these words; one that another stands in the way of may heal."""
    if _BUSY.search(why):
        return UnreachableError(
            WHERE,
            f"a control plane makes one backup at a time, and another one runs: {why}",
            f"run it again when that has ended; if none runs, `docker rm -f {CONTAINER}` on the manager",
        )
    if _NO_IMAGE.search(why):
        return RefusedError(WHERE, why, "pull or load the control plane's image on the manager, then rerun")
    return RefusedError(WHERE, why, advise(why))
