"""Which way of copying fits a storage and a vault."""

from concurrent.futures import ThreadPoolExecutor

from runbook.remote.arrivals import arrivals_at
from runbook.remote.bulk import BulkCopier, PooledCopier
from runbook.remote.copy_limits import CopyLimits
from runbook.remote.copying import copier_between
from runbook.remote.folder_copier import FolderCopier
from runbook.remote.storage import Storage
from runbook.remote.storage_tree import FolderStorage, TreeStorage
from runbook.remote.tree_copier import TreeCopier
from runbook.remote.vault import Vault
from runbook.remote.vault_file import FileVault


def bulk_between(storage: Storage, vault: Vault, pool: ThreadPoolExecutor, limits: CopyLimits) -> BulkCopier:
    """Return the cheapest way to copy many objects from `storage` to `vault`."""
    pace = limits.pace
    if isinstance(storage, FolderStorage) and isinstance(vault, FileVault):
        return FolderCopier(storage, vault, limits.workers, pace)
    if isinstance(storage, TreeStorage) and not isinstance(storage, FolderStorage):
        return TreeCopier(storage, arrivals_at(vault, limits.workers, pace))
    return PooledCopier(copier_between(storage, vault, pace), pool)
