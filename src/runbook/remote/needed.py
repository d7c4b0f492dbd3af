"""Which image data the recovery points need that stay: what their indexes name, each index proven by its manifest."""

import hashlib
from typing import BinaryIO

from pydantic import SecretStr

from runbook.domain.errors import MismatchError, RefusedError
from runbook.domain.image_index import Held
from runbook.domain.recovery import INDEX, RecoveryPoint, StoredPart, part_key
from runbook.remote.image_index import parse_index
from runbook.remote.recovery_verify import verify_part
from runbook.remote.vault import Vault

_MARK_BYTES = 7


class Needed:
    """The blobs that some points name: 7 bytes of each key's hash; where two collide, one blob too many stays."""

    def __init__(self) -> None:
        self._marks: set[int] = set()
        self.points: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return _mark(key) in self._marks

    def __len__(self) -> int:
        return len(self._marks)

    def add(self, key: str) -> None:
        """Note that the blob is needed."""
        self._marks.add(_mark(key))


def note_needed(
    needed: Needed, vault: Vault, cluster: str, point: RecoveryPoint, identity: SecretStr
) -> None:
    """Leave all blobs noted that the point names; RefusedError where they cannot be known.

    Its index must be the one that its manifest names. A point without a manifest names none: what an unfinished one
    has copied, the grace alone protects.
    """
    if not point.finished:
        return
    part = _index_of(point)
    key = part_key(cluster, point.id, INDEX)

    def note(index: BinaryIO) -> None:
        for entry in parse_index(index, f"{vault.where}/{key}"):
            if entry.held is Held.BLOB:
                needed.add(f"{cluster}/{entry.key}")

    try:
        verify_part(vault, key, part, identity, note)
    except (MismatchError, RefusedError) as exc:
        raise _unknown(point.id, exc.what) from exc
    needed.points.add(point.id)


def _index_of(point: RecoveryPoint) -> StoredPart:
    if point.manifest is None:
        raise _unknown(point.id, point.problem or "its manifest cannot be read")
    if INDEX not in point.manifest.objects:
        raise _unknown(point.id, f"its manifest does not name {INDEX}")
    return point.manifest.objects[INDEX]


def _mark(key: str) -> int:
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=_MARK_BYTES).digest(), "big")


def _unknown(identifier: str, why: str) -> RefusedError:
    what = f"which image data it needs is not known: {why}"
    next_step = (
        "nothing is pruned until it can be read: give the key that opens it as vault.identity, or, if it is "
        "lost for good, delete its folder and its catalogue/<point>.json by hand"
    )
    return RefusedError(f"point {identifier}", what, next_step)
