"""Verify in full: every byte of a point and of its blobs."""

from pathlib import Path

from pydantic import SecretStr

from bench.ours import settings, tell
from bench.ours.snapshot import CLUSTER
from runbook.domain.recovery import select_point
from runbook.remote.recovery_points import list_points
from runbook.remote.recovery_verify import verify_point
from runbook.remote.vault_file import FileVault


def main() -> None:
    """Verify the newest point."""
    asked = settings()
    vault = FileVault(Path(asked["target"]))
    manifest = select_point(list_points(vault, CLUSTER))
    report = verify_point(vault, manifest, SecretStr(asked["identity"]), full=True)
    tell(blobs=report.blobs, bytes=report.bytes_read, findings=report.findings[:3])


if __name__ == "__main__":
    main()
