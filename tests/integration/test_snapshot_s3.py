"""Image snapshots between real buckets, and from a bucket into a folder."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from runbook.domain.errors import MismatchError
from runbook.domain.image_index import Held
from runbook.remote.copy_limits import CopyLimits
from runbook.remote.copying import ServerSideCopier, Wanted
from runbook.remote.s3 import connect
from runbook.remote.snapshot import PassResult, take_pass
from runbook.remote.snapshot_restore import RestoreResult, restore_blobs
from runbook.remote.storage import S3Storage
from runbook.remote.vault import Vault
from runbook.remote.vault_file import FileVault
from runbook.remote.vault_s3 import S3Vault
from tests.fakes.stored_images import ROOT, blob_path, id_path, tree_of
from tests.integration.recovery_fixtures import Endpoint, s3_endpoint

LAYERS = [f"layer {number} ".encode() * 500 for number in range(20)]
TREE = tree_of("org/app", {"v1": [b"{1}", b"{2}"], "v1-rc": [b"{3}"]}, LAYERS) | tree_of(
    "org/app-two", {"latest": [b"{1}"]}, LAYERS[:3]
)
UPLOADS = {f"{ROOT}/repositories/org/app/_uploads/0c8c/data": b"half a layer"}
EXTRA = {"health": b"ok", f"{ROOT}/repositories/org/app/_state": b"x" * 100_000}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with s3_endpoint() as seen:
        yield seen


@pytest.fixture
def storage(endpoint: Endpoint) -> S3Storage:
    return fill(new_storage(endpoint), TREE | UPLOADS)


@pytest.fixture(params=["by the server", "streamed"])
def vault(request: pytest.FixtureRequest, endpoint: Endpoint, tmp_path: Path) -> Vault:
    if request.param == "streamed":
        return FileVault(tmp_path)
    return S3Vault(endpoint.client, endpoint.new_bucket(), "vault")


def new_storage(endpoint: Endpoint, root: str = "registry") -> S3Storage:
    return S3Storage(endpoint.client, endpoint.new_bucket(), root)


def fill(storage: S3Storage, tree: Mapping[str, bytes]) -> S3Storage:
    for path, data in tree.items():
        storage.put_bytes(path, data)
    return storage


def content(storage: S3Storage) -> dict[str, bytes]:
    tree = {}
    for seen in storage.list_objects():
        with storage.open(seen.path) as stream:
            tree[seen.path] = stream.read()
    return tree


def round_trip(taken: PassResult, vault: Vault, target: S3Storage) -> RestoreResult:
    return restore_blobs(taken.index, vault, "prod", target)


def test_an_emptied_storage_is_filled_again(storage: S3Storage, vault: Vault, endpoint: Endpoint) -> None:
    taken = take_pass(storage, vault, "prod")
    assert (taken.findings, taken.fetched, taken.left_out) == ([], 0, 1)
    assert taken.copied == taken.blobs == 23
    assert taken.totals().layout == "standard"
    empty = new_storage(endpoint, "other/root")
    result = round_trip(taken, vault, empty)
    assert content(empty) == TREE
    assert (result.copied, result.skipped) == (23, 0)
    assert round_trip(taken, vault, empty) == RestoreResult(skipped=len(TREE))


def test_a_second_pass_copies_nothing(storage: S3Storage, vault: Vault) -> None:
    first = take_pass(storage, vault, "prod")
    again = take_pass(storage, vault, "prod")
    assert (again.copied, again.copied_bytes, again.blobs) == (0, 0, first.blobs)
    assert [entry._replace(sha256="") for entry in again.index] == [
        entry._replace(sha256="") for entry in first.index
    ]


def test_only_what_is_new_is_copied(storage: S3Storage, vault: Vault) -> None:
    take_pass(storage, vault, "prod")
    storage.put_bytes(blob_path(b"new"), b"new")
    again = take_pass(storage, vault, "prod")
    assert (again.copied, again.copied_bytes) == (1, 3)


def test_the_index_holds_every_object_but_uploads_in_order(storage: S3Storage, vault: Vault) -> None:
    paths = [entry.path for entry in take_pass(storage, vault, "prod", CopyLimits(4, window=3)).index]
    assert paths == sorted(TREE)


def test_what_cannot_be_derived_is_fetched(storage: S3Storage, vault: Vault, endpoint: Endpoint) -> None:
    odd_link = f"{ROOT}/repositories/org/app/_layers/sha256/{'0' * 64}/link"
    odd = {
        **EXTRA,
        odd_link: b"sha256:something else",
        f"{ROOT}/repositories/a/_manifests/tags/t/current/link": b"?",
    }
    fill(storage, odd)
    taken = take_pass(storage, vault, "prod")
    assert taken.fetched == 3  # the fourth is large, so it is a blob
    held = {entry.path: entry.held for entry in taken.index}
    assert [held[path] for path in odd] == [Held.INLINE, Held.BLOB, Held.INLINE, Held.INLINE]
    empty = new_storage(endpoint)
    round_trip(taken, vault, empty)
    assert content(empty) == TREE | odd
    assert take_pass(storage, vault, "prod").copied == 0


def test_only_what_is_missing_or_wrong_is_restored(storage: S3Storage, vault: Vault) -> None:
    taken = take_pass(storage, vault, "prod")
    paths = sorted(TREE)
    blobs = [path for path in paths if "/blobs/" in path]
    links = [path for path in paths if path.endswith("link")]
    storage.client.delete_object(Bucket=storage.bucket, Key=storage.full_key(blobs[0]))
    storage.put_bytes(blobs[1], b"cut")
    storage.put_bytes(blobs[2], TREE[blobs[2]][::-1])  # same size, other bytes
    storage.put_bytes(links[0], TREE[links[0]][::-1])
    result = round_trip(taken, vault, storage)
    assert (result.copied, result.written, result.skipped) == (3, 1, len(TREE) - 4)
    assert content(storage) == TREE | UPLOADS


def test_id_named_blobs_are_kept_by_id(endpoint: Endpoint, vault: Vault) -> None:
    tree = {id_path("0f3c-1"): b"one", id_path("a17b-2"): b"two"}
    storage = fill(new_storage(endpoint), tree)
    taken = take_pass(storage, vault, "prod")
    assert [entry.key for entry in taken.index] == ["blobs/id/0f/0f3c-1", "blobs/id/a1/a17b-2"]
    assert taken.totals().layout == "id-named"
    empty = new_storage(endpoint)
    round_trip(taken, vault, empty)
    assert content(empty) == tree


def test_a_blob_of_another_size_than_the_vaults_is_a_finding(storage: S3Storage, vault: Vault) -> None:
    take_pass(storage, vault, "prod")
    storage.put_bytes(blob_path(LAYERS[0]), b"cut")
    taken = take_pass(storage, vault, "prod")
    (finding,) = taken.findings
    assert "has 3 bytes in the storage and 4000 in the vault" in finding
    (entry,) = [entry for entry in taken.index if entry.path == blob_path(LAYERS[0])]
    assert entry.size == 4000  # what a restore would bring back


def test_a_damaged_blob_is_a_finding_and_not_kept_when_it_is_streamed(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    storage, vault = fill(new_storage(endpoint), {blob_path(b"good"): b"evil"}), FileVault(tmp_path)
    taken = take_pass(storage, vault, "prod")
    assert "hashes to sha256:" in taken.findings[0]
    assert (len(taken.index), list(vault.list(""))) == (0, [])


def test_a_blob_that_vanishes_after_its_listing_is_a_finding(storage: S3Storage, vault: Vault) -> None:
    class Deleting(S3Storage):
        def list_objects(self):  # type: ignore[no-untyped-def]
            for seen in super().list_objects():
                if seen.path == blob_path(LAYERS[0]):
                    self.client.delete_object(Bucket=self.bucket, Key=self.full_key(seen.path))
                yield seen

    taken = take_pass(Deleting(storage.client, storage.bucket, storage.root), vault, "prod")
    assert "vanished" in taken.findings[0]
    assert len(taken.index) == len(TREE) - 1


def test_a_blob_that_is_missing_in_the_vault_stops_the_restore(
    storage: S3Storage, vault: Vault, endpoint: Endpoint
) -> None:
    taken = take_pass(storage, vault, "prod")
    first = next(entry for entry in taken.index if entry.held is Held.BLOB)
    vault.delete(f"prod/{first.key}")
    with pytest.raises(
        MismatchError, match=r"named by the recovery point and not in the vault\nNext: choose another"
    ):
        round_trip(taken, vault, new_storage(endpoint))


def test_a_pass_costs_a_listing_of_both_sides_and_a_copy_per_new_blob(endpoint: Endpoint) -> None:
    tree = {blob_path(b"%d" % number): b"%d" % number for number in range(50)}
    links = {
        f"{ROOT}/repositories/r{n}/_layers/sha256/{'a' * 64}/link": b"sha256:" + b"a" * 64
        for n in range(1500)
    }
    filled = fill(new_storage(endpoint), tree | links)
    client = endpoint.count(connect(endpoint.settings))
    storage = S3Storage(client, filled.bucket, filled.root)
    vault = S3Vault(client, endpoint.new_bucket())
    take_pass(storage, vault, "prod")
    assert Counter(endpoint.requests) == {"ListObjectsV2": 3, "CopyObject": 50}
    endpoint.requests.clear()
    take_pass(storage, vault, "prod")
    assert Counter(endpoint.requests) == {"ListObjectsV2": 3}


def test_an_object_too_large_for_one_request_is_copied_in_parts(endpoint: Endpoint) -> None:
    mebibytes = 5 * 1024 * 1024
    data = bytes(2 * mebibytes) + b"the end"
    storage = fill(new_storage(endpoint), {"large": data})
    vault = S3Vault(endpoint.client, endpoint.new_bucket())
    copied = ServerSideCopier(storage, vault, part=mebibytes).copy(Wanted("large", "copy", len(data)))
    assert vault.get_bytes("copy") == data
    assert copied.etag.endswith("-3")


def test_between_two_providers_bytes_are_streamed_and_hashed_both_ways(endpoint: Endpoint) -> None:
    storage = fill(new_storage(endpoint), TREE)
    with s3_endpoint() as other:
        client = other.count(connect(other.settings))
        vault = S3Vault(client, other.new_bucket())
        taken = take_pass(storage, vault, "prod")
        blobs = [entry for entry in taken.index if entry.held is Held.BLOB]
        assert all(entry.sha256 in entry.key for entry in blobs) and taken.findings == []
        target = new_storage(endpoint)
        round_trip(taken, vault, target)
        assert (content(target), "CopyObject" in other.requests) == (TREE, False)
        second = take_pass(storage, vault, "prod")
        assert (second.copied, second.fetched) == (0, 0)


@pytest.mark.parametrize(("encryption", "found"), [("AES256", 1), ("aws:kms", 0)])
def test_a_blob_that_is_another_one_in_the_vault_is_a_finding_where_entity_tags_can_tell(
    endpoint: Endpoint, encryption: Any, found: int
) -> None:
    storage = fill(new_storage(endpoint), {blob_path(b"good"): b"good"})
    vault = S3Vault(endpoint.client, endpoint.new_bucket())
    take_pass(storage, vault, "prod")
    (seen,) = vault.list("prod/blobs/")
    vault.put_bytes(seen.key, b"evil")
    endpoint.client.put_object(
        Bucket=storage.bucket,
        Key=storage.full_key(blob_path(b"good")),
        Body=b"good",
        ServerSideEncryption=encryption,
    )
    findings = take_pass(storage, vault, "prod").findings
    assert ["has the entity tag" in finding for finding in findings] == [True] * found
