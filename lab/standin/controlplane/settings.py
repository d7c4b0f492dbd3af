"""What the container is told: directories, the first administrator, the manager's engine."""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509


@dataclass(frozen=True)
class Settings:
    """The settings of one control plane."""

    state: Path
    pki: Path
    admin: str
    engine_address: str
    port: int

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = os.environ) -> "Settings":
        """Read the environment; the manager's address defaults to the one in the server certificate."""
        pki = Path(env.get("UCP_PKI_DIR", "/pki"))
        return cls(
            state=Path(env.get("UCP_STATE_DIR", "/state")),
            pki=pki,
            admin=env.get("UCP_ADMIN_USER", "admin"),
            engine_address=env.get("UCP_ENGINE_ADDRESS") or _address_in(pki / "ucp-cert.pem"),
            port=int(env.get("UCP_PORT", "443")),
        )

    def server_context(self) -> ssl.SSLContext:
        """Return the server's side of TLS; clients may show the certificate of a bundle."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pki / "ucp-cert.pem", self.pki / "ucp-key.pem")
        context.load_verify_locations(self.pki / "client-ca.pem")
        context.verify_mode = ssl.CERT_OPTIONAL
        return context

    def engine_context(self) -> ssl.SSLContext:
        """Return the client's side of TLS towards the engines."""
        context = ssl.create_default_context(cafile=str(self.pki / "ca.pem"))
        context.load_cert_chain(self.pki / "engine-client-cert.pem", self.pki / "engine-client-key.pem")
        return context


def _address_in(certificate: Path) -> str:
    loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
    names = loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = [str(a) for a in names.get_values_for_type(x509.IPAddress) if not a.is_loopback]
    if not addresses:
        raise SystemExit(f"{certificate} names no address: set UCP_ENGINE_ADDRESS")
    return addresses[0]
