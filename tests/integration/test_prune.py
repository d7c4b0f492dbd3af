"""What retention removes, in both kinds of vault: whole points, and only the blobs that no point needs."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from runbook.domain.errors import LockedError, RefusedError
from runbook.domain.recovery import (
    INDEX,
    MANIFEST,
    PARTS,
    SIDECAR,
    Manifest,
    blobs_prefix,
    new_id,
    part_key,
    points_prefix,
)
from runbook.remote import sweep
from runbook.remote.catalogue import read_catalogue
from runbook.remote.encryption import generate_identity
from runbook.remote.image_index import read_index, write_index
from runbook.remote.needed import Needed, note_needed
from runbook.remote.prune import Removal, remove_point
from runbook.remote.recovery_points import list_points, publish
from runbook.remote.s3 import connect
from runbook.remote.snapshot import take_pass
from runbook.remote.sweep import Swept, sweep_blobs
from runbook.remote.vault import Vault
from runbook.remote.vault_file import FileVault
from runbook.remote.vault_s3 import S3Vault
from tests.fakes.manifests import MANIFEST as SOUND
from tests.fakes.memory_storage import MemoryStorage
from tests.fakes.stored_images import hexadecimal, tree_of
from tests.fakes.vaults import LOCKED, PowerCutError, dying, refusing
from tests.integration.recovery_fixtures import Endpoint, s3_endpoint

IDENTITY, RECIPIENT = generate_identity()
SHARED, OLD, NEW = b"shared" * 100, b"old" * 100, b"new" * 100
FIRST, SECOND, THIRD = (new_id(datetime(2026, 11, day, tzinfo=UTC), "0a1b2c3d") for day in (20, 21, 22))
GRACE = timedelta(hours=48)
TONIGHT = datetime.now(UTC)  # the blobs are written about now, and the sweeps come later


def allowed() -> None:
    """The lock is ours."""


@dataclass
class Kept:
    """A vault with two points that share one layer, and the storage that they are of."""

    vault: Vault
    storage: MemoryStorage

    @property
    def blobs(self) -> set[str]:
        return {seen.key.rpartition("/")[2] for seen in self.vault.list(blobs_prefix("prod"))}

    @property
    def points(self) -> list[str]:
        return [point.id for point in list_points(self.vault, "prod")]

    def begin_backup(self, identifier: str, layers: list[bytes]) -> Manifest:
        """Leave these layers in the storage and all that a point needs in the vault, but for its manifest."""
        self.storage.objects = tree_of("org/app", {}, layers)
        parts = dict(SOUND.objects)
        taken = take_pass(self.storage, self.vault, "prod")
        parts[INDEX] = write_index(self.vault, part_key("prod", identifier, INDEX), taken.index, [RECIPIENT])
        for name in set(PARTS) - {INDEX}:
            self.vault.put_bytes(part_key("prod", identifier, name), b"x" * parts[name].size)
        return replace(SOUND, id=identifier, objects=parts)

    def needed(self, identity: SecretStr = IDENTITY) -> Needed:
        needed = Needed()
        for point in list_points(self.vault, "prod"):
            note_needed(needed, self.vault, "prod", point, identity)
        return needed

    def sweep(self, hours: float = 0, grace: timedelta = GRACE) -> Swept:
        """Sweep so many hours from now."""
        now = TONIGHT + timedelta(hours=hours)
        return sweep_blobs(self.vault, "prod", self.needed(), now=now, grace=grace, still_allowed=allowed)

    def remove(self, identifier: str, *, finished: bool = True) -> Removal:
        return remove_point(self.vault, "prod", identifier, finished=finished, still_allowed=allowed)

    def lacks(self, identifier: str) -> list[str]:
        """Return the blobs that the point names and that are not there."""
        index = read_index(self.vault, part_key("prod", identifier, INDEX), IDENTITY)
        return [entry.key for entry in index if entry.key and not self.vault.head(f"prod/{entry.key}")]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with s3_endpoint() as seen:
        yield seen


def two_points(vault: Vault) -> Kept:
    made = Kept(vault, MemoryStorage())
    for identifier, layer in ((FIRST, OLD), (SECOND, NEW)):
        publish(vault, made.begin_backup(identifier, [SHARED, layer]))
    return made


@pytest.fixture(params=["file", "s3"])
def kept(request: pytest.FixtureRequest, endpoint: Endpoint, tmp_path: Path) -> Kept:
    if request.param == "file":
        return two_points(FileVault(tmp_path))
    return two_points(S3Vault(endpoint.client, endpoint.new_bucket(), "at/prefix"))


@pytest.fixture
def in_folder(tmp_path: Path) -> Kept:
    """For what is the same in every vault."""
    return two_points(FileVault(tmp_path))


def test_a_point_is_removed_whole_and_the_other_needs_nothing_of_it(kept: Kept) -> None:
    assert kept.remove(FIRST) == Removal(gone=True)
    assert kept.points == [SECOND]
    assert not list(kept.vault.list(f"{points_prefix('prod')}{FIRST}/"))
    assert kept.sweep(grace=timedelta()).removed == 1
    assert kept.blobs == {hexadecimal(SHARED), hexadecimal(NEW)}
    assert kept.lacks(SECOND) == []


def test_a_folder_keeps_no_empty_folder_of_a_removed_point(in_folder: Kept, tmp_path: Path) -> None:
    in_folder.remove(FIRST)
    assert [folder.name for folder in (tmp_path / "prod" / "points").iterdir()] == [SECOND]


def test_image_data_goes_when_nothing_has_needed_it_for_the_whole_grace(kept: Kept) -> None:
    kept.remove(FIRST)
    waited = [kept.sweep(hours) for hours in (1, 25, 48)]
    assert [(swept.removed, swept.needed, swept.waiting) for swept in waited] == [(0, 2, 1)] * 3
    swept = kept.sweep(49)
    assert (swept.removed, swept.removed_bytes, swept.needed, swept.waiting) == (1, len(OLD), 2, 0)
    assert len(list(kept.vault.list("prod/unneeded/"))) == 1


def test_while_every_point_is_there_no_blob_goes(kept: Kept) -> None:
    assert [kept.sweep(hours).removed for hours in (0, 100, 200)] == [0, 0, 0]
    assert len(kept.blobs) == 3


def test_a_backup_that_began_before_the_sweep_and_publishes_after_it_loses_nothing(kept: Kept) -> None:
    """The old layer was pushed again; the backup finds it in the vault and copies nothing."""
    third = kept.begin_backup(THIRD, [SHARED, OLD])
    kept.remove(FIRST)
    kept.sweep(24 * 30)  # the blob is a month old by then
    publish(kept.vault, third)
    kept.sweep(24 * 60)
    assert kept.lacks(THIRD) == kept.lacks(SECOND) == []


def test_what_a_backup_copies_while_points_are_swept_stays(in_folder: Kept) -> None:
    needed = in_folder.needed()
    third = in_folder.begin_backup(THIRD, [SHARED, b"newest" * 100])
    sweep_blobs(in_folder.vault, "prod", needed, now=TONIGHT, grace=GRACE, still_allowed=allowed)
    publish(in_folder.vault, third)
    assert in_folder.lacks(THIRD) == []


def test_a_blob_that_came_back_under_its_old_name_waits_anew(in_folder: Kept) -> None:
    """It stood on the list of a sweep that died after it had removed it, before it could leave a new list."""
    in_folder.remove(FIRST)
    in_folder.sweep(-100)
    (key,) = [seen.key for seen in in_folder.vault.list(blobs_prefix("prod")) if hexadecimal(OLD) in seen.key]
    in_folder.vault.delete(key)
    in_folder.vault.put_bytes(key, OLD)
    assert in_folder.sweep(1).waiting == 1


def test_a_list_that_is_damaged_begins_the_grace_anew(kept: Kept) -> None:
    kept.remove(FIRST)
    kept.sweep(1)
    (seen,) = kept.vault.list("prod/unneeded/")
    kept.vault.put_bytes(seen.key, b"no list")
    assert (kept.sweep(100).waiting, kept.sweep(149).removed) == (1, 1)


def test_unfinished_points_protect_nothing_but_by_the_grace(in_folder: Kept) -> None:
    in_folder.begin_backup(THIRD, [b"never published" * 9])
    assert in_folder.sweep(1).waiting == 1
    assert in_folder.sweep(50).removed == 1
    assert in_folder.lacks(FIRST) == in_folder.lacks(SECOND) == []


@pytest.mark.parametrize("deletions", range(5))
def test_a_crash_at_any_deletion_leaves_a_point_whole_or_clearly_gone_and_the_next_run_finishes(
    in_folder: Kept, deletions: int
) -> None:
    with pytest.raises(PowerCutError):
        remove_point(dying(in_folder.vault, deletions), "prod", FIRST, finished=True, still_allowed=allowed)
    first = list_points(in_folder.vault, "prod")[0]
    whole = deletions < 2  # the first one tries whether deleting is allowed, the second takes the manifest
    assert (first.id, first.finished, first.verified) == (FIRST, whole, whole)
    assert not whole or all(in_folder.vault.head(part_key("prod", FIRST, name)) for name in PARTS)
    assert in_folder.remove(FIRST, finished=first.finished) == Removal(gone=True)
    assert in_folder.points == [SECOND]


def test_a_removed_point_is_retired_in_the_catalogue_and_one_that_stays_is_not(kept: Kept) -> None:
    kept.remove(FIRST)
    remove_point(refusing(kept.vault, MANIFEST), "prod", SECOND, finished=True, still_allowed=allowed)
    assert read_catalogue(kept.vault, "prod").retired == {FIRST: "no retention rule keeps it"}


@pytest.mark.parametrize("damage", ["newer", "cut", "other key", "no index", "swapped"])
def test_what_an_unreadable_point_needs_is_not_known(in_folder: Kept, damage: str) -> None:
    manifest, index = part_key("prod", FIRST, MANIFEST), part_key("prod", FIRST, INDEX)
    identity = generate_identity()[0] if damage == "other key" else IDENTITY
    if damage == "newer":
        document = json.loads(in_folder.vault.get_bytes(manifest))
        in_folder.vault.put_bytes(manifest, json.dumps(document | {"format_version": 99}).encode())
    elif damage == "cut":
        in_folder.vault.put_bytes(index, in_folder.vault.get_bytes(index)[:-20])
    elif damage == "no index":
        in_folder.vault.delete(index)
    elif damage == "swapped":
        in_folder.vault.put_bytes(index, in_folder.vault.get_bytes(part_key("prod", SECOND, INDEX)))
    with pytest.raises(RefusedError, match=f"point {FIRST}: which image data it needs is not known: "):
        in_folder.needed(identity)


def test_a_lost_lock_stops_the_sweep_before_each_batch_and_leaves_no_list(kept: Kept) -> None:
    def lost() -> None:
        raise LockedError("prod", "this run has lost the cluster's lock", "start it again")

    kept.remove(FIRST)
    with pytest.raises(LockedError):
        sweep_blobs(
            kept.vault, "prod", kept.needed(), now=TONIGHT, grace=timedelta(days=-1), still_allowed=lost
        )
    assert len(kept.blobs) == 3
    assert not list(kept.vault.list("prod/unneeded/"))


def test_many_blobs_go_in_batches_each_with_one_request_and_with_the_lock(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "DELETE_AT_ONCE", 10)
    client = endpoint.count(connect(endpoint.settings))
    vault = S3Vault(client, endpoint.new_bucket())
    for number in range(25):
        vault.put_bytes(f"prod/blobs/id/aa/{number:04}", b"x")
    endpoint.requests.clear()
    asked: list[None] = []
    swept = sweep_blobs(
        vault,
        "prod",
        Needed(),
        now=TONIGHT,
        grace=timedelta(days=-1),
        still_allowed=lambda: asked.append(None),
    )
    assert (swept.removed, list(vault.list("prod/blobs/"))) == (25, [])
    assert (endpoint.requests.count("DeleteObjects"), endpoint.requests.count("DeleteObject")) == (3, 0)
    assert len(asked) == 4  # and before the list is left


def test_a_point_that_the_vault_refuses_to_delete_stays_whole(kept: Kept) -> None:
    locked = refusing(kept.vault, FIRST)
    removal = remove_point(locked, "prod", FIRST, finished=True, still_allowed=allowed)
    assert removal == Removal(False, f"the vault refuses to delete it: {LOCKED}")
    assert list_points(kept.vault, "prod")[0].verified
    assert len(list(kept.vault.list(f"{points_prefix('prod')}{FIRST}/"))) == 4


def test_a_part_that_the_vault_refuses_to_delete_is_said_to_be_left(kept: Kept) -> None:
    locked = refusing(kept.vault, SIDECAR)
    removal = remove_point(locked, "prod", FIRST, finished=True, still_allowed=allowed)
    assert (removal.gone, "1 of its objects are left, first: prod/points/" in removal.why) == (True, True)
    assert [point.finished for point in list_points(kept.vault, "prod")] == [False, True]


def test_blobs_that_the_vault_refuses_to_delete_are_counted_and_the_others_go(kept: Kept) -> None:
    kept.begin_backup(THIRD, [b"never published" * 9])
    kept.remove(FIRST)
    locked = refusing(kept.vault, hexadecimal(OLD))
    swept = sweep_blobs(
        locked, "prod", kept.needed(), now=TONIGHT, grace=timedelta(days=-1), still_allowed=allowed
    )
    assert (swept.removed, swept.refusals) == (1, 1)
    ((key, why),) = swept.refused.items()
    assert (hexadecimal(OLD) in key, why) == (True, LOCKED)
