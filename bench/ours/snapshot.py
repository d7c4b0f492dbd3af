"""The image snapshot: one pass over a bucket or a folder, and its index in the vault."""

from pathlib import Path
from typing import Any

from bench.ours import settings, tell
from bench.s3_access import client_of
from runbook.domain.recovery import INDEX
from runbook.remote.image_index import write_index
from runbook.remote.snapshot import take_pass
from runbook.remote.storage import S3Storage, Storage
from runbook.remote.storage_tree import FolderStorage
from runbook.remote.vault import Vault
from runbook.remote.vault_file import FileVault
from runbook.remote.vault_s3 import S3Vault

CLUSTER = "bench"


def main() -> None:
    """Take the pass, as a backup does."""
    asked = settings()
    storage, vault = _ends(asked)
    seen = take_pass(storage, vault, CLUSTER)
    write_index(vault, f"{CLUSTER}/{asked['point']}/{INDEX}", seen.index, [asked["recipient"]])
    tell(objects=seen.objects, blobs=seen.blobs, copied=seen.copied, findings=seen.findings)


def _ends(asked: dict[str, Any]) -> tuple[Storage, Vault]:
    if "url" in asked:
        client = client_of(asked["url"])
        return S3Storage(client, asked["source"]), S3Vault(client, asked["target"])
    return FolderStorage(Path(asked["source"])), FileVault(Path(asked["target"]))


if __name__ == "__main__":
    main()
