from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from blocks.registry_tls import RegistryTlsSettings
from lab.pki import make_authority, make_leaf
from runbook.domain.errors import InvalidConfigError
from runbook.domain.findings import Level
from tasks.registry_tls import check_registry_tls
from tests.fakes.cluster_connection import FakeCluster


def with_certificate(cluster: FakeCluster, folder: Path, host: str) -> None:
    """Have the cluster file name a certificate for `host`."""
    authority = make_authority("CA")
    authority.write(folder, "ca", "ca-key")
    make_leaf(authority, "registry", (host,), (ExtendedKeyUsageOID.SERVER_AUTH,)).write(folder, "cert", "key")
    cluster.settings.registry.tls = RegistryTlsSettings(
        cert_file=str(folder / "cert.pem"), key=f"file:{folder}/key.pem", ca_file=str(folder / "ca.pem")
    )


def test_without_a_certificate_of_ones_own_nothing_is_said(cluster: FakeCluster) -> None:
    assert check_registry_tls.fn(cluster) == ()


def test_a_certificate_for_the_external_host_is_fine(cluster: FakeCluster, tmp_path: Path) -> None:
    with_certificate(cluster, tmp_path, "registry.example.com")
    (found,) = check_registry_tls.fn(cluster)
    assert found.level is Level.OK


def test_one_for_another_host_blocks_with_both_names(cluster: FakeCluster, tmp_path: Path) -> None:
    with_certificate(cluster, tmp_path, "dtr.example.com")
    (found,) = check_registry_tls.fn(cluster)
    assert found.level is Level.BLOCKS
    assert found.what.startswith("the certificate is for dtr.example.com, not for registry.example.com")


def test_a_file_that_is_missing_is_a_finding_and_no_failure(cluster: FakeCluster, tmp_path: Path) -> None:
    with_certificate(cluster, tmp_path, "registry.example.com")
    (tmp_path / "cert.pem").unlink()
    (found,) = check_registry_tls.fn(cluster)
    assert (found.level, found.where) == (Level.BLOCKS, "registry.tls.cert_file")


def test_the_ca_that_clients_of_the_registry_trust_is_read(cluster: FakeCluster, tmp_path: Path) -> None:
    make_authority("CA").write(tmp_path, "ca", "ca-key")
    cluster.settings.registry.ca_file = str(tmp_path / "ca.pem")
    (found,) = check_registry_tls.fn(cluster)
    assert (found.level, found.where) == (Level.OK, "registry.ca_file")


@pytest.mark.parametrize("content", [None, b"no certificate", b"\xff\xfe"], ids=["missing", "text", "bytes"])
def test_a_ca_that_cannot_be_read_blocks(content: bytes | None, cluster: FakeCluster, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_bytes(content)
    cluster.settings.registry.ca_file = str(tmp_path / "ca.pem")
    (found,) = check_registry_tls.fn(cluster)
    assert (found.level, found.where, found.error) == (Level.BLOCKS, "registry.ca_file", InvalidConfigError)
