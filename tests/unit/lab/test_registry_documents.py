"""Documents that the registry stand-in reads and writes: manifests, storage settings, certificates, TOML."""

import hashlib
import json
import tomllib
from datetime import UTC, datetime
from typing import Any

import pytest
from registry import certificates, credentials, manifests, names, permissions, repositories, schedules
from registry.bootstrapper import registration
from registry.certificates import KeyPair
from registry.manifests import InvalidManifestError
from registry.storage_settings import (
    InvalidStorageError,
    RegistrySettings,
    backend_of,
    digest_of,
    distribution_config,
    same_place,
    validated,
)  # fmt: skip

DIGEST = "sha256:" + "a" * 64
BLOB = {"mediaType": "layer", "size": 3, "digest": DIGEST}
S3 = {"bucket": "b", "region": "us-east-1", "regionendpoint": "http://198.18.0.1:9000", "secure": False}


def test_an_image_names_its_blobs() -> None:
    payload = json.dumps(
        {"mediaType": manifests.OCI_MANIFEST, "config": BLOB, "layers": [BLOB, BLOB]}
    ).encode()
    manifest = manifests.parse(payload, "application/json")
    row = manifest.row("admin/app")
    assert manifest.digest == f"sha256:{hashlib.sha256(payload).hexdigest()}"
    assert row["pk"] == f"admin/app@{manifest.digest}"
    assert len(manifest.blobs()) == 3
    assert manifests.blobs_of(row) == {DIGEST}
    assert manifests.payload_of(row) == payload


def test_an_index_names_its_children_and_no_blobs() -> None:
    payload = json.dumps({"manifests": [BLOB]}).encode()
    manifest = manifests.parse(payload, manifests.OCI_INDEX)
    assert manifest.children == (DIGEST,)
    assert manifests.blobs_of(manifest.row("admin/app")) == set()


@pytest.mark.parametrize(
    "content",
    [
        b"no JSON",
        b"[]",
        b'{"schemaVersion": 1}',
        json.dumps({"mediaType": manifests.OCI_MANIFEST, "config": BLOB}).encode(),
        json.dumps({"mediaType": manifests.OCI_MANIFEST, "config": {"digest": "x"}, "layers": []}).encode(),
    ],
)
def test_what_is_no_manifest_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidManifestError):
        manifests.parse(content, "application/json")


def test_storage_settings_become_a_configuration_of_distribution() -> None:
    document = validated({"keep_metadata": True, "storage": {"s3": S3}})
    config = distribution_config(RegistrySettings(document, "secret", read_only=True))
    assert backend_of(document) == "s3"
    assert config["storage"]["s3"] == S3
    assert config["storage"]["delete"] == {"enabled": True}
    assert config["storage"]["maintenance"]["readonly"] == {"enabled": True}
    assert config["http"]["secret"] == "secret"


@pytest.mark.parametrize(
    "storage",
    [
        None,
        {},
        {"s3": S3, "filesystem": {}},
        {"s3": "bucket"},
        {"s3": {"bucket": "b"}},
        {"s3": S3 | {"buckets": "typo"}},
    ],
)
def test_bad_storage_settings_are_refused(storage: Any) -> None:
    with pytest.raises(InvalidStorageError):
        validated({"storage": storage})


def test_new_keys_are_the_same_place_and_another_bucket_is_not() -> None:
    here = validated({"storage": {"s3": S3}})
    new_keys = validated({"storage": {"s3": S3 | {"accesskey": "other"}}})
    elsewhere = validated({"storage": {"s3": S3 | {"bucket": "c"}}})
    volume = validated({"storage": {"filesystem": {}}})
    assert same_place(here, new_keys)
    assert not same_place(here, elsewhere)
    assert not same_place(here, volume)
    assert (
        len({digest_of(RegistrySettings(each, "", read_only=False)) for each in (here, new_keys, volume)})
        == 3
    )


def test_the_authority_issues_certificates_for_names_and_addresses() -> None:
    authority = certificates.new_authority("DTR CA")
    pair = certificates.issue(authority, ["198.18.0.40", "registry.example", "198.18.0.40"])
    assert certificates.hosts_of(pair.certificate) == ["198.18.0.40", "registry.example"]
    certificates.check_pair(pair)
    with pytest.raises(ValueError, match="does not belong"):
        certificates.check_pair(KeyPair(pair.certificate, authority.key))


def test_registering_keeps_other_registries_and_replaces_its_own() -> None:
    other = registration.registry_table("other", "1", "PEM")
    text = "[scheduling_configuration]\n  enable_admin_ucp_scheduling = true\n\n" + other
    for authority in ("OLD", "NEW"):
        entry = registration.registry_table("198.18.0.40", "2", authority)
        text = registration.with_registry(text, "198.18.0.40", "2", entry)
    parsed = tomllib.loads(text)
    assert parsed["scheduling_configuration"] == {"enable_admin_ucp_scheduling": True}
    assert [(each["host_address"], each["ca_bundle"]) for each in parsed["registries"]] == [
        ("other", "PEM\n"),
        ("198.18.0.40", "NEW\n"),
    ]


@pytest.mark.parametrize(
    ("text", "moment", "due"),
    [
        ("0 0 1 * * 6", datetime(2026, 11, 21, 1, 0, 0, tzinfo=UTC), True),
        ("0 0 1 * * 6", datetime(2026, 11, 22, 1, 0, 0, tzinfo=UTC), False),
        ("@daily", datetime(2026, 11, 22, 0, 0, 0, tzinfo=UTC), True),
        ("*/5 10-12 * * * sun,mon", datetime(2026, 11, 22, 7, 11, 55, tzinfo=UTC), True),
        ("*/5 10-12 * * * sun,mon", datetime(2026, 11, 22, 7, 11, 56, tzinfo=UTC), False),
    ],
)
def test_a_schedule_has_six_fields(text: str, moment: datetime, due: bool) -> None:
    assert schedules.parse(text).matches(moment) is due


@pytest.mark.parametrize("text", ["", "* * * * *", "never", "61 * * * * *", "5-1 * * * * *", "* * * * * xyz"])
def test_a_bad_schedule_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="."):
        schedules.parse(text)


def test_names_are_read_back() -> None:
    name = names.container("rethinkdb", "0123456789ab")
    assert names.replica_of_container(name) == ("rethinkdb", "0123456789ab")
    assert names.replica_of_container(names.PHASE2) is None
    assert names.replica_of_volume("dtr-registry-nfs-0123456789ab") == "0123456789ab"
    assert not names.valid_replica_id("0123456789AB")


def test_basic_authentication_is_read() -> None:
    assert credentials.parse_basic("Basic YWRtaW46YTpi") == ("admin", "a:b")
    for header in ("", "Bearer x", "Basic ???", "Basic YWRtaW4="):
        assert credentials.parse_basic(header) is None


def test_access_levels_are_ordered() -> None:
    assert permissions.highest(["read-only", "admin", "read-write"]) == "admin"
    assert permissions.highest([]) is None
    assert permissions.covers("read-write", "read-only")
    assert not permissions.covers("read-only", "read-write")
    assert permissions.actions_of("read-only") == {"pull"}
    assert permissions.actions_of(None) == set()


def test_values_of_a_repository_are_checked() -> None:
    assert repositories.problem({"visibility": "public", "immutableTags": True}) is None
    assert "visibility" in str(repositories.problem({"visibility": "secret"}))
    assert "tagLimit" in str(repositories.problem({"tagLimit": "many"}))
    assert repositories.new("admin", "app", {"visibility": "public"})["visibility"] == "public"
