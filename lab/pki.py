"""The lab's certificate authorities and the certificates of engines, control plane and clients."""

import datetime as dt
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.files import write_secret
from lab.paths import PKI
from lab.topology import FURTHER_NODES, MANAGER, NODES, Topology

_VALID = dt.timedelta(days=825)
_SERVER, _CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def write(self, folder: Path, stem: str, key_stem: str) -> None:
        """Leave both as PEM files, the key readable by its owner alone."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{stem}.pem").write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        pem = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_secret(folder / f"{key_stem}.pem", pem.decode())


def make_pki(topology: Topology, folder: Path = PKI) -> None:
    """Leave both authorities and every certificate of a new lab in the folder."""
    authority = make_authority("Lab CA")
    authority.write(folder, "ca", "ca-key")
    make_authority("Lab Client CA").write(folder, "client-ca", "client-ca-key")
    for node in (*NODES, *FURTHER_NODES):
        hosts = (node.name, topology.address(node), "127.0.0.1")
        engine = make_leaf(authority, f"engine {node.name}", hosts, (_SERVER,))
        engine.write(folder, f"engine-{node.name}-cert", f"engine-{node.name}-key")
    client = make_leaf(authority, "lab engine client", (), (_CLIENT,))
    client.write(folder, "engine-client-cert", "engine-client-key")
    hosts = (MANAGER.name, topology.address(MANAGER), "127.0.0.1")
    make_leaf(authority, "ucp", hosts, (_SERVER, _CLIENT)).write(folder, "ucp-cert", "ucp-key")


def make_authority(name: str) -> Pair:
    """Return a self-signed authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(name, _common_name(name), key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
    )
    return Pair(builder.sign(key, hashes.SHA256()), key)


def make_leaf(
    authority: Pair, name: str, hosts: Sequence[str], purposes: Sequence[x509.ObjectIdentifier]
) -> Pair:
    """Return a certificate for these host names and addresses, signed by the authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer_key_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    builder = (
        _builder(name, authority.certificate.subject, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(issuer_key_id, critical=False)
    )
    if hosts:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False
        )
    return Pair(builder.sign(authority.key, hashes.SHA256()), key)


def _builder(name: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    """Return what authority and leaf have in common; valid from yesterday, for clocks that differ."""
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_common_name(name))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
