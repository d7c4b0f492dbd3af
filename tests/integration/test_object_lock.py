"""Recovery points in a bucket with object lock: locked when written, extended when shared, read back."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from runbook.domain.errors import MismatchError, RefusedError
from runbook.domain.findings import Level
from runbook.domain.locks import LEASE, LockRecord
from runbook.domain.object_lock import LockMode, ObjectLock
from runbook.domain.recovery import Manifest, part_key
from runbook.remote.copying import ServerSideCopier, Wanted
from runbook.remote.locks import hold_lock
from runbook.remote.object_lock import check_lock, locked, require_lockable, require_locked
from runbook.remote.point_locks import LockedBlobs, lock_point, require_manifest_locked
from runbook.remote.recovery_points import publish
from runbook.remote.s3 import s3_errors
from runbook.remote.s3_upload import MEBIBYTE, PartPlan
from runbook.remote.snapshot import PassResult, take_pass
from runbook.remote.storage import S3Storage
from runbook.remote.unfinished import Unfinished, note_begun, note_proven, unfinished_restore
from runbook.remote.vault_s3 import S3Vault
from runbook.remote.write_options import WriteOptions
from tests.fakes.guarded_s3 import BYPASS, DELETE, EVERYTHING, SEE_LOCKS, GuardedS3, guarded_s3
from tests.fakes.manifests import MANIFEST
from tests.fakes.stored_images import tree_of

NOW = datetime.now(UTC).replace(microsecond=0)
LOCK = ObjectLock(LockMode.GOVERNANCE, 30)
LAYERS = [f"layer {number}".encode() for number in range(2)]
APPENDER = "appender"


@pytest.fixture(scope="module")
def s3() -> Iterator[GuardedS3]:
    with guarded_s3() as endpoint:
        endpoint.grants[APPENDER] = EVERYTHING - {DELETE, BYPASS}
        yield endpoint


@pytest.fixture
def vault(s3: GuardedS3) -> S3Vault:
    return vault_in(s3, s3.new_bucket())


def vault_in(s3: GuardedS3, bucket: str, lock: ObjectLock | None = LOCK) -> S3Vault:
    return S3Vault(s3.client(APPENDER), bucket, "vault", options=WriteOptions(lock))


def point(vault: S3Vault, day: int = 0) -> Manifest:
    """Return the manifest of a point that is begun `day` days from now, its parts written and locked then."""
    then = WriteOptions(replace(LOCK, days=LOCK.days + day) if vault.options.lock else None)
    vault = S3Vault(vault.client, vault.bucket, "vault", options=then)
    created = NOW + timedelta(days=day)
    manifest = replace(MANIFEST, id=created.strftime("%Y%m%dT%H%M%SZ-0a1b2c3d"), created=created)
    for name in manifest.objects:
        with vault.writer(part_key("prod", manifest.id, name)) as sink:
            sink.write(b"x")
    return manifest


def images(s3: GuardedS3, vault: S3Vault, layers: list[bytes] = LAYERS) -> PassResult:
    storage = S3Storage(s3.client(), s3.new_bucket(lock=False), "registry")
    for path, data in tree_of("org/app", {"v1": [b"{1}"]}, layers).items():
        storage.put_bytes(path, data)
    return take_pass(storage, vault, "prod")


def blob_locks(vault: S3Vault) -> set[datetime]:
    return {locked(vault, seen.key).until for seen in vault.list("prod/blobs/")}


def test_what_a_point_is_made_of_is_locked_and_state_is_not(s3: GuardedS3, vault: S3Vault) -> None:
    manifest = point(vault)
    taken = images(s3, vault)
    done = lock_point(vault, manifest, taken.index, NOW)
    assert done == LockedBlobs(taken.blobs, taken.blobs, 0)
    publish(vault, manifest)
    require_manifest_locked(vault, manifest)
    kept = [
        seen.key for seen in vault.list("prod/") if locked(vault, seen.key).until >= LOCK.needed_until(NOW)
    ]
    assert len(kept) == len(manifest.objects) + 1 + taken.blobs
    assert {key.split("/")[1] for key in kept} == {"points", "blobs"}
    assert not locked(vault, "prod/object-locks/blobs").mode


def test_a_locked_version_cannot_be_deleted(s3: GuardedS3, vault: S3Vault) -> None:
    manifest = point(vault)
    key = vault.full_key(part_key("prod", manifest.id, "sidecar.json.age"))
    root = s3.client()
    version = root.head_object(Bucket=vault.bucket, Key=key)["VersionId"]
    with pytest.raises(RefusedError, match="403"), s3_errors(key):
        root.delete_object(Bucket=vault.bucket, Key=key, VersionId=version)
    assert root.head_object(Bucket=vault.bucket, Key=key)["ContentLength"] == 1


def test_an_object_of_many_parts_is_locked(vault: S3Vault) -> None:
    vault._plan = PartPlan(first_size=5 * MEBIBYTE)
    with vault.writer("prod/points/p/metadata") as sink:
        sink.write(b"x" * 6 * MEBIBYTE)
    require_locked(vault, "prod/points/p/metadata", LOCK.needed_until(NOW))


def test_an_object_that_the_server_copies_in_parts_is_locked(s3: GuardedS3, vault: S3Vault) -> None:
    storage = S3Storage(s3.client(), s3.new_bucket(lock=False), "")
    storage.put_bytes("big", b"x" * 6 * MEBIBYTE)
    copier = ServerSideCopier(storage, vault, part=5 * MEBIBYTE)
    copier.copy(Wanted("big", "prod/blobs/big", 6 * MEBIBYTE))
    require_locked(vault, "prod/blobs/big", LOCK.needed_until(NOW))


def test_a_shared_blob_is_extended_once_in_a_slack_and_not_with_each_point(
    s3: GuardedS3, vault: S3Vault
) -> None:
    taken = images(s3, vault)
    extended = {}
    for day in (1, 7, 8, 9, 15, 16, 17):
        done = lock_point(vault, point(vault, day), taken.index, NOW + timedelta(days=day))
        assert done is not None
        assert min(blob_locks(vault)) >= LOCK.needed_until(NOW + timedelta(days=day))
        extended[day] = done.extended
    slack = LOCK.slack.days
    assert {day: count for day, count in extended.items() if count} == {
        slack + 1: taken.blobs,
        2 * slack + 2: taken.blobs,
    }


def test_blobs_of_which_enough_is_known_cost_no_request(
    s3: GuardedS3, vault: S3Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runbook.remote.point_locks._SAMPLE", 1)
    taken = images(s3, vault)
    lock_point(vault, point(vault), taken.index, NOW)
    before = len(s3.requests)
    done = lock_point(vault, point(vault, 1), taken.index, NOW + timedelta(days=1))
    assert done is not None
    assert done.looked_at <= 2
    about_blobs = [line for line in s3.requests[before:] if "/blobs/" in line]
    assert len(about_blobs) == done.looked_at


@pytest.mark.parametrize("state", [b"", b'{"format": 1, "blobs": 1, "sha256": "x"}\n123456789012'])
def test_when_what_is_known_is_lost_every_blob_is_looked_at(
    s3: GuardedS3, vault: S3Vault, state: bytes
) -> None:
    taken = images(s3, vault)
    lock_point(vault, point(vault), taken.index, NOW)
    vault.put_bytes("prod/object-locks/blobs", state)
    later = NOW + timedelta(days=20)
    done = lock_point(vault, point(vault, 20), taken.index, later)
    assert done == LockedBlobs(taken.blobs, taken.blobs, taken.blobs)
    assert min(blob_locks(vault)) >= LOCK.needed_until(later)


def test_blobs_from_before_the_lock_was_configured_are_locked_with_the_next_point(s3: GuardedS3) -> None:
    bucket = s3.new_bucket()
    taken = images(s3, vault_in(s3, bucket, lock=None))
    vault = vault_in(s3, bucket)
    done = lock_point(vault, point(vault), taken.index, NOW)
    assert done == LockedBlobs(taken.blobs, taken.blobs, taken.blobs)


def test_a_lock_in_the_stricter_mode_is_extended_in_that_mode(s3: GuardedS3) -> None:
    bucket = s3.new_bucket()
    taken = images(s3, vault_in(s3, bucket, ObjectLock(LockMode.COMPLIANCE, 1)))
    vault = vault_in(s3, bucket)
    lock_point(vault, point(vault), taken.index, NOW)
    assert {locked(vault, seen.key).mode for seen in vault.list("prod/blobs/")} == {"COMPLIANCE"}
    assert min(blob_locks(vault)) >= LOCK.needed_until(NOW)


def test_a_blob_whose_lock_was_shortened_is_named_and_the_next_backup_heals_all(
    s3: GuardedS3, vault: S3Vault
) -> None:
    taken = images(s3, vault)
    lock_point(vault, point(vault), taken.index, NOW)
    victim = next(iter(vault.list("prod/blobs/"))).key
    s3.client().put_object_retention(
        Bucket=vault.bucket,
        Key=vault.full_key(victim),
        Retention={"Mode": "GOVERNANCE", "RetainUntilDate": NOW + timedelta(days=2)},
        BypassGovernanceRetention=True,
    )
    with pytest.raises(MismatchError, match=rf"{victim}: it is locked until .*\nNext: "):
        lock_point(vault, point(vault, 1), taken.index, NOW)
    done = lock_point(vault, point(vault, 2), taken.index, NOW + timedelta(days=2))
    assert done is not None
    assert done.extended == 1


def test_a_part_that_is_not_locked_is_named(s3: GuardedS3) -> None:
    bucket = s3.new_bucket()
    manifest = point(vault_in(s3, bucket, lock=None))
    with pytest.raises(MismatchError, match=r"metadata.tar.zst.age: it is not locked, and .* was asked"):
        lock_point(vault_in(s3, bucket), manifest, (), NOW)


def test_a_manifest_that_is_not_locked_is_named(s3: GuardedS3) -> None:
    bucket = s3.new_bucket()
    manifest = point(vault_in(s3, bucket, lock=None))
    publish(vault_in(s3, bucket, lock=None), manifest)
    with pytest.raises(MismatchError, match=r"manifest.json: it is not locked, and .* was asked"):
        require_manifest_locked(vault_in(s3, bucket), manifest)


def test_a_bucket_without_object_lock_is_found(s3: GuardedS3, vault: S3Vault) -> None:
    assert [found.level for found in check_lock(vault)] == [Level.OK]
    require_lockable(vault)
    without = vault_in(s3, s3.new_bucket(lock=False))
    (found,) = check_lock(without)
    assert found.level is Level.WARNING
    assert "its bucket has no object lock" in found.what
    assert "object-lock-enabled" in found.next_step
    with pytest.raises(RefusedError, match="its bucket has no object lock"):
        require_lockable(without)
    assert check_lock(vault_in(s3, vault.bucket, lock=None)) == ()


def test_a_bucket_that_locks_everything_by_default_takes_state_too(s3: GuardedS3, vault: S3Vault) -> None:
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
    s3.client().put_object_lock_configuration(
        Bucket=vault.bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    with hold_lock(vault, "prod", LockRecord("run-1", "backup", "admin1", NOW, NOW + LEASE), lambda: NOW):
        assert lock_point(vault, point(vault), images(s3, vault).index, NOW)
    vault.replace_if("prod/state", b"two", vault.put_bytes("prod/state", b"one"))
    assert vault.get_bytes("prod/state") == b"two"


def test_a_bucket_whose_setting_may_not_be_read_is_a_warning_and_no_refusal(s3: GuardedS3) -> None:
    s3.grants["blind"] = EVERYTHING - {SEE_LOCKS}
    vault = S3Vault(s3.client("blind"), s3.new_bucket(), options=WriteOptions(LOCK))
    (found,) = check_lock(vault)
    assert (found.level, "s3:GetBucketObjectLockConfiguration" in found.next_step) == (Level.WARNING, True)
    require_lockable(vault)


def test_without_the_right_to_delete_a_lock_is_released_and_taken_again(vault: S3Vault) -> None:
    for owner in ("run-1", "run-2"):
        with hold_lock(vault, "prod", LockRecord(owner, "backup", "admin1", NOW, NOW + LEASE), lambda: NOW):
            assert LockRecord.from_json(vault.get_bytes("prod/locks/cluster.json")).owner == owner
    assert b"released" in vault.get_bytes("prod/locks/cluster.json")


def test_without_the_right_to_delete_a_restore_is_proven(vault: S3Vault) -> None:
    for identifier in ("p1", "p2"):
        note_begun(vault, "prod", Unfinished(identifier, "0123456789ab"))
        assert unfinished_restore(vault, "prod") == Unfinished(identifier, "0123456789ab")
        note_proven(vault, "prod")
        assert unfinished_restore(vault, "prod") is None


def test_a_probe_says_that_deletes_are_refused_and_leaves_one_object(vault: S3Vault) -> None:
    for _ in range(3):
        assert "cannot be deleted" in (vault.probe_writable("prod/") or "")
    assert [seen.key for seen in vault.list("")] == ["prod/.probe"]
