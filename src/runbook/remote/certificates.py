"""Reading a certificate, its key and its chain, as PEM."""

import ssl
from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.x509 import Certificate

from runbook.domain.errors import InvalidConfigError
from runbook.domain.registry_tls import WHERE, CertificateSeen

_PUBLIC = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def read_certificate(certificate_pem: str, key_pem: str, ca_pem: str | None) -> CertificateSeen:
    """Return what the certificate is. Raises InvalidConfigError where one of the texts cannot be read."""
    leaf, *chain = read_certificates(f"{WHERE}.cert_file", certificate_pem)
    authorities = (
        read_certificates(f"{WHERE}.ca_file", ca_pem) if ca_pem else _of_this_machine([leaf, *chain])
    )
    return CertificateSeen(
        names=_names(leaf),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        key_belongs=_public_key_of(key_pem) == leaf.public_key().public_bytes(*_PUBLIC),
        signs_others=_signs_others(leaf),
        broken_chain=_broken([leaf, *chain]),
        trusted=any(_issued(each, authority) for each in (leaf, *chain) for authority in authorities),
        has_ca=ca_pem is not None,
    )


def read_certificates(where: str, pem: str) -> list[Certificate]:
    """Return the certificates of a PEM text; InvalidConfigError, at `where`, when none can be read."""
    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except ValueError as exc:
        what = "it holds no certificate that can be read"
        raise InvalidConfigError(where, what, "write the certificate there, PEM") from exc


def _public_key_of(key_pem: str) -> bytes:
    """Return the public half; the message of what goes wrong may not show the key, so it is left out."""
    try:
        key = serialization.load_pem_private_key(key_pem.encode(), None)
    except TypeError:
        what, next_step = "it is encrypted", "name a key without a passphrase"
    except (ValueError, UnsupportedAlgorithm):
        what, next_step = "it is no private key that can be read", "write the key there, PEM"
    else:
        return key.public_key().public_bytes(*_PUBLIC)
    raise InvalidConfigError(f"{WHERE}.key", what, next_step)


def _names(leaf: Certificate) -> tuple[str, ...]:
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    addresses = [str(address) for address in found.get_values_for_type(x509.IPAddress)]
    return (*found.get_values_for_type(x509.DNSName), *addresses)


def _signs_others(leaf: Certificate) -> bool:
    """Tell whether it is an authority's; one that signed itself and is no authority's may be a server's."""
    try:
        return leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca and not _names(leaf)
    except x509.ExtensionNotFound:
        return False


def _broken(chain: Sequence[Certificate]) -> str | None:
    for below, above in zip(chain, chain[1:], strict=False):
        if not _issued(below, above):
            shown = [each.subject.rfc4514_string() or "(no name)" for each in (below, above)]
            return f"in cert_file {shown[0]} is followed by {shown[1]}, which has not signed it"
    return None


def _issued(certificate: Certificate, authority: Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _of_this_machine(chain: Sequence[Certificate]) -> list[Certificate]:
    """Return the authorities that this machine trusts and that an issuer in the chain is called like.

    The others are left unread: some of them break today's rules, and reading them would say so.
    """
    issuers = [each.issuer.public_bytes() for each in chain]
    trusted = ssl.create_default_context().get_ca_certs(binary_form=True)
    named = [der for der in trusted if any(issuer in der for issuer in issuers)]
    return [x509.load_der_x509_certificate(der) for der in named]
