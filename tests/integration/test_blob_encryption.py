"""Image data encrypted by us: copied, taken again, verified and restored, beside what was copied in plain."""

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest

from runbook.domain.errors import InvalidConfigError, MismatchError
from runbook.domain.image_index import Held, IndexEntry
from runbook.domain.sealed_blobs import is_sealed
from runbook.remote.blob_check import listed, why_not_intact
from runbook.remote.blob_seal import BlobSeal
from runbook.remote.encryption import generate_identity
from runbook.remote.hashing import hashed
from runbook.remote.image_index import ImageIndex
from runbook.remote.snapshot import PassResult, take_pass
from runbook.remote.snapshot_restore import restore_blobs
from runbook.remote.storage import S3Storage
from runbook.remote.vault import Vault
from runbook.remote.vault_file import FileVault
from runbook.remote.vault_s3 import S3Vault
from runbook.remote.wanted_blobs import blobs_of
from tests.fakes.stored_images import id_path, tree_of
from tests.integration.recovery_fixtures import Endpoint, s3_endpoint

LAYERS = [f"layer {number} ".encode() * 9000 for number in range(5)]  # more than one chunk of age
LARGE = {"docker/registry/v2/_state": b"x" * 100_000, id_path("0a1b"): b"named by its id" * 10}
TREE = tree_of("org/app", {"v1": [b"{1}"]}, LAYERS) | LARGE
IDENTITY, RECIPIENT = generate_identity()
SECOND, SECOND_RECIPIENT = generate_identity()
SEAL = BlobSeal([RECIPIENT, SECOND_RECIPIENT], lambda: IDENTITY, new_blobs=True)
OPENS = BlobSeal([RECIPIENT], lambda: IDENTITY)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with s3_endpoint() as seen:
        yield seen


@pytest.fixture
def storage(endpoint: Endpoint) -> S3Storage:
    storage = S3Storage(endpoint.client, endpoint.new_bucket(), "registry")
    for path, data in TREE.items():
        storage.put_bytes(path, data)
    return storage


@pytest.fixture(params=["s3", "file"])
def vault(request: pytest.FixtureRequest, endpoint: Endpoint, tmp_path: Path) -> Vault:
    if request.param == "file":
        return FileVault(tmp_path, SEAL)
    return S3Vault(endpoint.client, endpoint.new_bucket(), "vault", seal=SEAL)


def with_seal(vault: Vault, seal: BlobSeal) -> Vault:
    if isinstance(vault, S3Vault):
        return S3Vault(vault.client, vault.bucket, vault.prefix, seal=seal)
    assert isinstance(vault, FileVault)
    return FileVault(vault.root, seal)


def restored(endpoint: Endpoint, taken: PassResult, vault: Vault) -> dict[str, bytes]:
    target = S3Storage(endpoint.client, endpoint.new_bucket(), "")
    restore_blobs(taken.index, vault, "prod", target)
    tree = {}
    for seen in target.list_objects():
        with target.open(seen.path) as stream:
            tree[seen.path] = stream.read()
    return tree


def findings(vault: Vault, index: ImageIndex, *, full: bool = False) -> list[str]:
    found: list[str] = []
    wanted = blobs_of(index, "a point", {})
    sound = list(listed(vault, "prod", wanted, lambda _blob, damage: found.append(damage.what)))
    read = hashed(vault, "prod/", sound) if full else ()
    return [*found, *filter(None, map(why_not_intact, read))]


def blobs(taken: PassResult) -> list[IndexEntry]:
    return [entry for entry in taken.index if entry.held is Held.BLOB]


def test_nothing_of_an_image_can_be_read_in_the_vault_and_any_one_key_opens_it(
    storage: S3Storage, vault: Vault
) -> None:
    taken = take_pass(storage, vault, "prod")
    assert (taken.findings, taken.copied) == ([], len(LAYERS) + 3)
    for entry in blobs(taken):
        assert is_sealed(entry.key)
        stored = vault.get_bytes(f"prod/{entry.key}")
        assert stored.startswith(b"age-encryption.org/v1\n")
        assert len(stored) == entry.stored > entry.size
        for identity in (IDENTITY, SECOND):
            key = pyrage.x25519.Identity.from_str(identity.get_secret_value())
            assert hashlib.sha256(pyrage.decrypt(stored, [key])).hexdigest() == entry.sha256


def test_a_second_pass_copies_nothing_and_knows_both_sizes(storage: S3Storage, vault: Vault) -> None:
    first = take_pass(storage, vault, "prod")
    again = take_pass(storage, vault, "prod")
    assert (again.findings, again.copied, again.blob_bytes) == ([], 0, first.blob_bytes)
    for before, after in zip(blobs(first), blobs(again), strict=True):
        assert (before.path, before.key, before.size) == (after.path, after.key, after.size)
        assert after.stored in {before.stored, 0}
    assert findings(vault, again.index, full=True) == []


def test_the_images_come_back_in_plain(endpoint: Endpoint, storage: S3Storage, vault: Vault) -> None:
    taken = take_pass(storage, vault, "prod")
    assert restored(endpoint, taken, vault) == TREE


def test_encrypted_and_plain_images_live_side_by_side(
    endpoint: Endpoint, storage: S3Storage, vault: Vault
) -> None:
    plain = take_pass(storage, with_seal(vault, OPENS), "prod")
    sealed = take_pass(storage, vault, "prod")
    assert sealed.copied == plain.copied
    plain_again = take_pass(storage, with_seal(vault, OPENS), "prod")
    assert plain_again.copied == 0
    for taken in (plain, sealed, plain_again):
        for seal in (SEAL, OPENS):
            assert findings(with_seal(vault, seal), taken.index, full=True) == []
            assert restored(endpoint, taken, with_seal(vault, seal)) == TREE


def test_an_encrypted_image_that_was_cut_is_found_in_the_listing(storage: S3Storage, vault: Vault) -> None:
    taken = take_pass(storage, vault, "prod")
    key = f"prod/{blobs(taken)[0].key}"
    vault.put_bytes(key, vault.get_bytes(key)[:-1])
    (finding,) = findings(vault, taken.index)
    assert "bytes in the vault, the index says" in finding


def test_an_encrypted_image_that_was_changed_is_found_when_it_is_read(
    endpoint: Endpoint, storage: S3Storage, vault: Vault
) -> None:
    taken = take_pass(storage, vault, "prod")
    entry = blobs(taken)[0]
    data = bytearray(vault.get_bytes(f"prod/{entry.key}"))
    data[-1] ^= 1
    vault.put_bytes(f"prod/{entry.key}", bytes(data))
    (finding,) = findings(vault, ImageIndex(e._replace(kept="") for e in taken.index), full=True)
    assert finding.startswith(f"{entry.key} cannot be opened: it cannot be decrypted")
    with pytest.raises(MismatchError, match="cannot be decrypted"):
        restored(endpoint, taken, vault)


def test_without_the_key_an_encrypted_image_is_not_taken_for_a_plain_one(
    storage: S3Storage, vault: Vault
) -> None:
    taken = take_pass(storage, vault, "prod")
    with pytest.raises(InvalidConfigError, match="is encrypted\nNext: name the key"):
        with_seal(vault, BlobSeal()).open(f"prod/{blobs(taken)[0].key}")


def test_a_writer_that_fails_leaves_nothing_and_no_thread(vault: Vault) -> None:
    with pytest.raises(OSError, match="the storage died"), vault.writer("prod/blobs/id/ab/abcd.age") as sink:
        sink.write(b"x" * 1_000_000)
        raise OSError("the storage died")
    assert vault.head("prod/blobs/id/ab/abcd.age") is None
    assert "age-encrypt" not in {thread.name for thread in threading.enumerate()}


def test_a_vault_that_fails_is_told_as_it_is(storage: S3Storage, endpoint: Endpoint) -> None:
    seal = BlobSeal(["age1nobody"], lambda: IDENTITY, new_blobs=True)
    vault = S3Vault(endpoint.client, endpoint.new_bucket(), seal=seal)
    with pytest.raises(InvalidConfigError, match="age1nobody"):
        take_pass(storage, vault, "prod")
    assert list(vault.list("")) == []


def test_with_other_recipients_all_is_encrypted_anew_and_whoever_opens_a_point_opens_its_images(
    storage: S3Storage, vault: Vault
) -> None:
    first = take_pass(storage, vault, "prod")
    only_second = BlobSeal([SECOND_RECIPIENT], lambda: SECOND, new_blobs=True)
    later = take_pass(storage, with_seal(vault, only_second), "prod")
    assert later.copied == first.copied
    assert findings(with_seal(vault, only_second), later.index, full=True) == []
    assert findings(vault, first.index, full=True) == []
