"""What the bucket is asked to encrypt: told with every write, and read back."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from runbook.domain.errors import MismatchError
from runbook.domain.findings import Level
from runbook.domain.recovery import MANIFEST, RecoveryPoint, part_key
from runbook.remote.recovery_points import publish
from runbook.remote.s3_upload import MEBIBYTE, PartPlan
from runbook.remote.server_side_encryption import require_encrypted
from runbook.remote.snapshot import take_pass
from runbook.remote.storage import S3Storage
from runbook.remote.vault_checks import check_protection
from runbook.remote.vault_s3 import S3Vault
from runbook.remote.write_options import ServerSideEncryption, WriteOptions
from tests.fakes import manifests
from tests.fakes.stored_images import tree_of
from tests.integration.recovery_fixtures import Endpoint, s3_endpoint

KMS = ServerSideEncryption("aws:kms", "key-1")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with s3_endpoint() as seen:
        yield seen


def vault_with(endpoint: Endpoint, encryption: ServerSideEncryption | None, bucket: str = "") -> S3Vault:
    options = WriteOptions(encryption=encryption)
    return S3Vault(endpoint.client, bucket or endpoint.new_bucket(), options=options)


@pytest.mark.parametrize("encryption", [KMS, ServerSideEncryption("AES256")])
def test_everything_is_written_with_it(endpoint: Endpoint, encryption: ServerSideEncryption) -> None:
    vault = vault_with(endpoint, encryption)
    vault._plan = PartPlan(first_size=5 * MEBIBYTE)
    etag = vault.put_bytes("put", b"x")
    vault.replace_if("put", b"y", etag)
    for key, size in (("small", 1), ("large", 6 * MEBIBYTE)):
        with vault.writer(key) as sink:
            sink.write(b"x" * size)
    storage = S3Storage(endpoint.client, endpoint.new_bucket())
    for path, data in tree_of("org/app", {}, [b"layer"]).items():
        storage.put_bytes(path, data)
    assert take_pass(storage, vault, "prod").copied == 1
    keys = [seen.key for seen in vault.list("")]
    assert len(keys) == 4
    for key in keys:
        require_encrypted(vault, key)


def test_an_entity_tag_under_a_key_service_is_taken_for_no_md5(endpoint: Endpoint) -> None:
    tag = "0" * 32
    assert vault_with(endpoint, KMS).content_etag(tag) is None
    assert vault_with(endpoint, ServerSideEncryption("AES256")).content_etag(tag) == tag


def test_a_bucket_that_encrypted_otherwise_is_named(endpoint: Endpoint) -> None:
    plain = vault_with(endpoint, None)
    plain.put_bytes("x", b"1")
    vault = vault_with(endpoint, KMS, plain.bucket)
    with pytest.raises(
        MismatchError, match=r"/x: the bucket encrypted it with .*, and aws:kms key-1 was asked"
    ):
        require_encrypted(vault, "x")


def test_check_warns_when_the_newest_point_is_encrypted_otherwise(endpoint: Endpoint) -> None:
    plain = vault_with(endpoint, None)
    manifest = replace(manifests.MANIFEST, objects={})
    publish(plain, manifest)
    newest = RecoveryPoint(manifest.id, manifest)
    vault = vault_with(endpoint, KMS, plain.bucket)
    (found,) = check_protection(vault, newest, manifest.recipients, manifest.created, timedelta(days=1))
    assert found.level is Level.WARNING
    assert part_key("prod", manifest.id, MANIFEST) in found.where
