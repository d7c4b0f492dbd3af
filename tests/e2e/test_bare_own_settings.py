"""One install with all that an operator may bring along: certificate, ports, and images in an archive."""

import json
import socket
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID
from docker.errors import ImageNotFound

from lab import commands
from lab.node_engines import node_engine
from lab.pki import make_authority, make_leaf
from lab.topology import BALANCER, REGISTRY_NODES, REGISTRY_VERSION, Machine
from tests.e2e.runs import runbook
from tests.e2e.secrets_of_the_lab import CommandLines, secrets_of_the_lab
from tests.e2e.world import look

pytestmark = [pytest.mark.e2e, pytest.mark.own_cluster]
PORT = 4443
SAVED, EMPTIED = REGISTRY_NODES[0], REGISTRY_NODES[1]
LOST = f"lab/dtr-api:{REGISTRY_VERSION}"


@pytest.fixture
def own(bare, altered, tmp_path):
    """A cluster file with a certificate of its own, other ports, and the images that one node has lost."""
    with commands.open_lab() as lab:
        address = lab.topology.address(BALANCER)
        with node_engine(lab.topology, SAVED) as engine:
            _save(engine, tmp_path / "images.tar")
        with node_engine(lab.topology, EMPTIED) as engine:
            engine.images.remove(LOST, noprune=True)
    _make_certificate(address, tmp_path)

    def change(content):
        content["registry"] |= {
            "external_url": f"https://{address}:{PORT}",
            "http_port": 8080,
            "https_port": PORT,
            "tls": {
                "cert_file": str(tmp_path / "cert.pem"),
                "key": f"file:{tmp_path}/cert-key.pem",
                "ca_file": str(tmp_path / "ca.pem"),
            },
            "images": {"archive": str(tmp_path / "images.tar")},
        }

    yield altered(change)
    bare.reset()


def test_an_install_takes_certificate_ports_and_images_of_the_operator(bare, own, tmp_path):
    key = (tmp_path / "cert-key.pem").read_text().splitlines()[1]
    with CommandLines(secrets_of_the_lab() | {"TLS key": key}) as seen:
        installed = runbook("install", cluster=own)
    assert installed.status == 0, installed.stderr
    assert key not in installed.stderr + installed.stdout
    assert seen.exposed == set()
    assert f"{EMPTIED.name}: load images" in installed.stderr
    with commands.open_lab() as lab:
        for machine in (SAVED, BALANCER):
            assert _serves(lab.topology.address(machine), tmp_path) == (tmp_path / "cert.pem").read_text()
        assert _has(lab.topology, EMPTIED, LOST)
    before = look(bare)
    planned = runbook("install", "--plan", "--json", cluster=own)
    assert planned.status == 0, planned.stderr
    assert {step["action"] for step in json.loads(planned.stdout)["steps"]} == {"keep"}
    assert look(bare) == before


def _save(engine, path: Path) -> None:
    """Write every image of the registry that the node has into one archive."""
    names = [tag for image in engine.images.list() for tag in image.tags if tag.startswith("lab/dtr")]
    url = f"{engine.api.base_url}/v{engine.api.api_version}/images/get"
    wanted = [name for name in names if name.endswith(f":{REGISTRY_VERSION}")]
    with engine.api.get(url, params={"names": wanted}, stream=True) as answer, path.open("wb") as file:
        answer.raise_for_status()
        for chunk in answer.iter_content(1 << 20):
            file.write(chunk)


def _make_certificate(address: str, folder: Path) -> None:
    authority = make_authority("Operator CA")
    certificate = authority.certificate.public_bytes(serialization.Encoding.PEM)
    (folder / "ca.pem").write_bytes(certificate)
    leaf = make_leaf(authority, "registry", (address,), (ExtendedKeyUsageOID.SERVER_AUTH,))
    leaf.write(folder, "cert", "cert-key")


def _serves(address: str, folder: Path) -> str:
    """Return the certificate that is served there; a replica serves the one of the balancer's address."""
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    context.check_hostname = False
    with (
        socket.create_connection((address, PORT), 10) as plain,
        context.wrap_socket(plain) as tls,
    ):
        return ssl.DER_cert_to_PEM_cert(tls.getpeercert(binary_form=True) or b"")


def _has(topology, machine: Machine, image: str) -> bool:
    with node_engine(topology, machine) as engine:
        try:
            engine.images.get(image)
        except ImageNotFound:
            return False
    return True
