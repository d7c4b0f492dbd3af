"""Client bundles: a key pair that speaks for its owner, and the files a docker client wants."""

import datetime as dt
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID = dt.timedelta(days=5 * 365)
SKEW = dt.timedelta(hours=1)


@dataclass(frozen=True)
class Issued:
    """A client certificate, its key, and the serial under which the state knows it."""

    serial: str
    certificate: bytes
    key: bytes
    public_key: bytes


def issue(user: str, ca_file: Path, ca_key_file: Path) -> Issued:
    """Return a new client certificate whose common name is the user."""
    ca = x509.load_pem_x509_certificate(ca_file.read_bytes())
    ca_key = serialization.load_pem_private_key(ca_key_file.read_bytes(), password=None)
    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, user)]))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + VALID)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(ca_key, hashes.SHA256())  # type: ignore[arg-type]  # the lab's CA key is an EC or RSA key
    )
    return Issued(
        f"{certificate.serial_number:X}",
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        ),
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
    )


def bundle(issued: Issued, user: str, ca: bytes, address: str) -> bytes:
    """Return the zip file that `GET /api/clientbundle` answers with."""
    url = f"tcp://{address}"
    note = f"# Bundle for user {user}\n# From a lab stand-in of the control plane\n"
    files = {
        "ca.pem": ca,
        "cert.pem": issued.certificate,
        "key.pem": issued.key,
        "cert.pub": issued.public_key,
        "env.sh": (
            "export COMPOSE_TLS_VERSION=TLSv1_2\nexport DOCKER_TLS_VERIFY=1\n"
            f'export DOCKER_CERT_PATH="$PWD"\nexport DOCKER_HOST={url}\n{note}'
            '# Run this from within this directory: eval "$(<env.sh)"\n'
        ).encode(),
        "env.cmd": (
            "@echo off\nset COMPOSE_TLS_VERSION=TLSv1_2\nset DOCKER_TLS_VERIFY=1\n"
            f"set DOCKER_CERT_PATH=%~dp0\nset DOCKER_HOST={url}\n"
        ).encode(),
        "env.ps1": (
            '$Env:COMPOSE_TLS_VERSION = "TLSv1_2"\n$Env:DOCKER_TLS_VERIFY = "1"\n'
            f"$Env:DOCKER_CERT_PATH = $(Split-Path $script:MyInvocation.MyCommand.Path)\n"
            f'$Env:DOCKER_HOST = "{url}"\n'
        ).encode(),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()
