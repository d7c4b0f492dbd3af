"""What an install is configured with: certificate, ports, proxy, images."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blocks.cluster import RegistryCluster
from blocks.connection import ClusterConnection
from blocks.install_request import install_secrets, make_install_spec
from runbook.domain.commands import ReplicaPorts, StorageChoice, StorageKind
from runbook.domain.errors import InvalidConfigError
from runbook.domain.install_options import ProxyFlags, TlsFlags
from tests.unit.blocks.test_cluster import change


def of(tmp_path: Path, edit: Callable[[dict[str, Any]], object]) -> ClusterConnection:
    return ClusterConnection(RegistryCluster.from_file(change(tmp_path, edit)).settings)


def registry(**given: Any) -> Callable[[dict[str, Any]], object]:
    return lambda document: document["registry"].update(given)


def test_certificate_and_ca_are_flags_and_the_key_is_in_the_environment(tmp_path: Path) -> None:
    for name in ("cert", "ca", "key"):
        (tmp_path / f"{name}.pem").write_text(f"{name}\n")
    tls = {"cert_file": "cert.pem", "key": "file:key.pem", "ca_file": "ca.pem"}
    cluster = of(tmp_path, registry(tls=tls, https_port=4443, http_port=8080))
    spec = make_install_spec(cluster.settings, "msr-1", cluster.ports)
    assert (spec.tls, spec.ports) == (TlsFlags("cert\n", "ca\n"), ReplicaPorts(8080, 4443))
    secrets = install_secrets(cluster.settings)
    assert {name: secret.get_secret_value() for name, secret in secrets.items()} == dict.fromkeys(
        ("DTR_KEY", "MSR_KEY"), "key"
    )
    assert cluster.registry_ca() == "ca\n"


def test_the_vendors_ports_are_left_to_it(tmp_path: Path) -> None:
    ports = of(tmp_path, lambda d: None).ports
    assert (ports, ports.both) == (ReplicaPorts(), (80, 443))


def test_a_proxy_with_a_password_is_in_the_environment_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROXY", "http://me:hunter2@proxy:3128")
    proxy = {"http": "http://proxy:3128", "https": "env:PROXY", "no_proxy": "example.com"}
    settings = of(tmp_path, registry(proxy=proxy)).settings
    spec = make_install_spec(settings, "msr-1", ReplicaPorts())
    assert spec.proxy == ProxyFlags("http://proxy:3128", None, "example.com")
    assert list(install_secrets(settings)) == ["DTR_HTTPS_PROXY", "MSR_HTTPS_PROXY"]
    assert "hunter2" not in str(spec)


def test_a_volume_may_have_a_name_and_a_share_its_options(tmp_path: Path) -> None:
    def volume(document: dict[str, Any]) -> None:
        document.update(replicas=1, storage={"volume": {"node": "msr-1", "name": "/srv/images"}})

    nfs = {"url": "nfs://nas:/x", "path": "/mnt/x", "options": "rw,port=20049"}
    assert of(tmp_path, volume).settings.storage.choice == StorageChoice(StorageKind.VOLUME, "/srv/images")
    storage = of(tmp_path, lambda d: d.update(storage={"nfs": nfs})).settings.storage
    assert storage.choice == StorageChoice(StorageKind.NFS, "nfs://nas:/x", "rw,port=20049")
    assert storage.nfs
    assert storage.nfs.server == ("nas", 20049)


def test_settings_of_images_survive_the_block(tmp_path: Path) -> None:
    images = {"from": "my.registry/msr", "user": "me", "password": "env:REGISTRY_PASSWORD"}
    cluster = RegistryCluster.from_file(change(tmp_path, registry(images=images)))
    again = RegistryCluster.model_validate(cluster.model_dump(mode="json")).settings.registry.images
    assert again
    assert str(again.source()) == "from my.registry/msr"
    assert again.source().user == "me"


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    def spoil(document: dict[str, Any]) -> None:
        document["registry"] |= {
            "version": "2.4.1",
            "http_port": 443,
            "tls": {"cert_file": "cert.pem", "key": "-----BEGIN PRIVATE KEY-----"},
            "proxy": {"http": "http://me:hunter2@proxy:3128", "https": "proxy:3128"},
            "images": {"from": "https://my.registry", "archive": "images.tar", "user": "me"},
        }
        document["storage"] = {"nfs": {"url": "nfs://nas/x", "path": "/mnt", "options": "rw"}}

    with pytest.raises(InvalidConfigError) as invalid:
        of(tmp_path, spoil)
    told = invalid.value.what
    for words in (
        "registry.http_port: 443 is the https_port too",
        "registry.tls.key: must be env:NAME, file:PATH or block:NAME",
        "registry.proxy.http: holds a user or a password",
        "registry.proxy.https: must be http://HOST:PORT",
        "registry.images.from: must be HOST[:PORT]/PATH",
        "registry.images.archive: images come from a registry or from an archive",
        "registry.images.password: is missing",
        "registry.images.user: nobody logs in to an archive",
        "storage.nfs.options: version 2.4.1 takes no mount options",
    ):
        assert words in told
    assert "hunter2" not in told
