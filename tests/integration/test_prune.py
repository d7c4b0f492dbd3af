"""What retention removes, in both kinds of vault: whole points, and only the blobs that no point needs."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runbook.domain.errors import LockedError, RefusedError
from runbook.domain.recovery import (
    INDEX,
    MANIFEST,
    PARTS,
    Manifest,
    blobs_prefix,
    new_id,
    part_key,
    points_prefix,
)
from runbook.remote.encryption import generate_identity
from runbook.remote.image_index import read_index, write_index
from runbook.remote.pins import pin, read_pins, unpin
from runbook.remote.prune import clock_skew, remove_point, sweep_blobs
from runbook.remote.recovery_points import list_points, publish
from runbook.remote.snapshot import take_pass
from runbook.remote.storage import S3Storage
from runbook.remote.vault import Vault
from runbook.remote.vault_file import FileVault
from runbook.remote.vault_s3 import S3Vault
from tests.fakes.manifests import MANIFEST as SOUND
from tests.fakes.stored_images import hexadecimal, tree_of
from tests.integration.recovery_fixtures import Endpoint, s3_endpoint

IDENTITY, RECIPIENT = generate_identity()
SHARED, OLD, NEW = b"shared" * 100, b"old" * 100, b"new" * 100
FIRST, SECOND = (new_id(datetime(2026, 11, day, tzinfo=UTC), "0a1b2c3d") for day in (20, 21))
AT_ONCE = timedelta(0)


def allowed() -> None:
    """The lock is ours."""


@dataclass
class Kept:
    """A vault with two points that share one layer."""

    vault: Vault

    @property
    def blobs(self) -> set[str]:
        return {seen.key.rpartition("/")[2] for seen in self.vault.list(blobs_prefix("prod"))}

    def sweep(self, grace: timedelta = AT_ONCE) -> int:
        return sweep_blobs(self.vault, "prod", IDENTITY, grace=grace, still_allowed=allowed).removed


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with s3_endpoint() as seen:
        yield seen


@pytest.fixture(params=["file", "s3"])
def kept(request: pytest.FixtureRequest, endpoint: Endpoint, tmp_path: Path) -> Kept:
    vault: Vault = FileVault(tmp_path)
    if request.param == "s3":
        vault = S3Vault(endpoint.client, endpoint.new_bucket())
    for identifier, layer in ((FIRST, OLD), (SECOND, NEW)):
        storage = S3Storage(endpoint.client, endpoint.new_bucket())
        for path, data in tree_of("org/app", {}, [SHARED, layer]).items():
            storage.put_bytes(path, data)
        publish(vault, back_up(vault, storage, identifier))
    return Kept(vault)


def back_up(vault: Vault, storage: S3Storage, identifier: str) -> Manifest:
    """Store a point's index with its blobs; its other parts are not read by a sweep."""
    parts = dict(SOUND.objects)
    taken = take_pass(storage, vault, "prod")
    parts[INDEX] = write_index(vault, part_key("prod", identifier, INDEX), taken.index, [RECIPIENT])
    for name in set(PARTS) - {INDEX}:
        vault.put_bytes(part_key("prod", identifier, name), b"x" * parts[name].size)
    return replace(SOUND, id=identifier, objects=parts)


def test_a_point_is_removed_whole_and_the_other_needs_nothing_of_it(kept: Kept) -> None:
    remove_point(kept.vault, "prod", FIRST)
    assert [point.id for point in list_points(kept.vault, "prod")] == [SECOND]
    assert not [seen for seen in kept.vault.list(f"{points_prefix('prod')}{FIRST}/")]
    assert kept.sweep() == 1
    assert kept.blobs == {hexadecimal(SHARED), hexadecimal(NEW)}
    needed = {entry.key for entry in read_index(kept.vault, part_key("prod", SECOND, INDEX), IDENTITY)}
    assert all(kept.vault.head(f"prod/{key}") for key in needed if key)


def test_a_run_that_died_between_manifest_and_parts_is_finished_by_the_next(kept: Kept) -> None:
    kept.vault.delete(part_key("prod", FIRST, MANIFEST))
    first = list_points(kept.vault, "prod")[0]
    assert (first.id, first.finished) == (FIRST, False)
    remove_point(kept.vault, "prod", FIRST)
    assert [point.id for point in list_points(kept.vault, "prod")] == [SECOND]


def test_while_every_point_is_there_no_blob_goes(kept: Kept) -> None:
    assert kept.sweep() == 0
    assert len(kept.blobs) == 3


def test_what_was_written_within_the_grace_period_stays(kept: Kept) -> None:
    remove_point(kept.vault, "prod", FIRST)
    swept = sweep_blobs(kept.vault, "prod", IDENTITY, grace=timedelta(hours=1), still_allowed=allowed)
    assert (swept.removed, swept.kept, swept.young) == (0, 2, 1)


def test_a_point_that_cannot_be_read_stops_the_sweep(kept: Kept) -> None:
    manifest = part_key("prod", FIRST, MANIFEST)
    document = json.loads(kept.vault.get_bytes(manifest))
    kept.vault.put_bytes(manifest, json.dumps(document | {"format_version": 99}).encode())
    with pytest.raises(RefusedError, match="what it needs is not known"):
        kept.sweep()
    assert len(kept.blobs) == 3


def test_a_lock_that_was_lost_stops_the_sweep(kept: Kept) -> None:
    def lost() -> None:
        raise LockedError("prod", "this run has lost the cluster's lock", "start it again")

    remove_point(kept.vault, "prod", FIRST)
    with pytest.raises(LockedError):
        sweep_blobs(kept.vault, "prod", IDENTITY, grace=AT_ONCE, still_allowed=lost)
    assert len(kept.blobs) == 3


def test_pins_are_kept_with_their_reason(kept: Kept) -> None:
    assert read_pins(kept.vault, "prod") == {}
    pin(kept.vault, "prod", FIRST, "Ada: audit")
    pin(kept.vault, "prod", FIRST, "Ada: audit 2026")
    assert read_pins(kept.vault, "prod") == {FIRST: "Ada: audit 2026"}
    unpin(kept.vault, "prod", FIRST)
    assert read_pins(kept.vault, "prod") == {}


def test_the_vaults_clock_is_compared_with_ours_and_nothing_is_left(kept: Kept) -> None:
    before = [seen.key for seen in kept.vault.list("prod/")]
    assert abs(clock_skew(kept.vault, "prod")) < timedelta(seconds=5)
    assert [seen.key for seen in kept.vault.list("prod/")] == before
