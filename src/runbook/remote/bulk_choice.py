"""Which way of copying fits a storage and a vault."""

from concurrent.futures import ThreadPoolExecutor

from runbook.remote.bulk import BulkCopier, PooledCopier
from runbook.remote.copy_limits import CopyLimits
from runbook.remote.copying import copier_between
from runbook.remote.folder_copier import FolderCopier
from runbook.remote.storage import Storage
from runbook.remote.storage_tree import FolderStorage
from runbook.remote.vault import Vault
from runbook.remote.vault_file import FileVault


def bulk_between(storage: Storage, vault: Vault, pool: ThreadPoolExecutor, limits: CopyLimits) -> BulkCopier:
    """Return the cheapest way to copy many objects from `storage` to `vault`."""
    if isinstance(storage, FolderStorage) and isinstance(vault, FileVault):
        return FolderCopier(storage, vault, limits.workers)
    return PooledCopier(copier_between(storage, vault), pool)
