"""Image data against what is wanted of it: first by a listing, then by its bytes."""

import hashlib
from collections.abc import Callable, Iterable, Iterator

from runbook.domain.recovery import blobs_prefix
from runbook.domain.sampling import Item
from runbook.domain.sealed_blobs import why_not_size
from runbook.domain.snapshot import SortedLookup
from runbook.domain.verification import Damage
from runbook.remote.hashing import Hashed
from runbook.remote.vault import Vault, VaultObject
from runbook.remote.wanted_blobs import WantedBlob


def listed(
    vault: Vault,
    cluster: str,
    wanted: Iterable[WantedBlob],
    note: Callable[[WantedBlob, Damage], None],
    listing: "ListingDigest | None" = None,
) -> Iterator[Item]:
    """Yield the blobs that the vault lists as they are wanted, for a reader; note what is wrong with the others.

    One listing is walked beside `wanted`; a blob that is out of its order is asked for by itself.
    """
    lookup = SortedLookup(vault.list(blobs_prefix(cluster)), lambda seen: seen.key)
    last = ""
    for blob in wanted:
        key = f"{cluster}/{blob.key}"
        if key >= last:
            seen, last = lookup.find(key), key
        else:  # an object outside the blobs' folder, kept under the digest of its content
            seen = vault.head(key)
        reason = _why_not_listed(vault, blob, seen)
        if reason or seen is None:
            note(blob, Damage(blob.key, f"{blob.key} {reason}", seen.etag if seen else ""))
            continue
        if listing:
            listing.add(vault, seen)
        yield Item(blob.key, blob.size, blob.sha256, seen.etag)


class ListingDigest:
    """12 hex digits that differ when a blob has another size, time or MD5 than before."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def add(self, vault: Vault, seen: VaultObject) -> None:
        """Take in one object."""
        content = vault.content_etag(seen.etag) or ""
        self._digest.update(f"{seen.key} {seen.size} {seen.modified.isoformat()} {content}\n".encode())

    def __str__(self) -> str:
        return self._digest.hexdigest()[:12]


def why_not_intact(read: Hashed) -> str | None:
    """Return a sentence when the bytes of an object are not those that it promises."""
    if read.problem:
        return f"{read.item.key} {read.problem}"
    if read.item.sha256 and read.sha256 != read.item.sha256:
        return f"{read.item.key} hashes to sha256:{read.sha256}, not to sha256:{read.item.sha256}"
    return None


def _why_not_listed(vault: Vault, blob: WantedBlob, seen: VaultObject | None) -> str | None:
    if seen is None:
        return "is not in the vault"
    if reason := why_not_size(blob.key, blob.size, blob.stored, seen.size):
        return reason
    tag = vault.content_etag(seen.etag)
    if tag and blob.kept and tag != blob.kept:
        return f"has the entity tag {tag} in the vault, the index says {blob.kept}"
    return None
