"""Certificates that were really made, read as an operator's are."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from lab.pki import Pair, make_authority, make_leaf
from runbook.domain.errors import InvalidConfigError
from runbook.remote.certificates import read_certificate

CA, OTHER = make_authority("CA"), make_authority("other")
LEAF = make_leaf(CA, "registry", ("registry.example.com", "192.0.2.5"), (ExtendedKeyUsageOID.SERVER_AUTH,))


def pem(*pairs: Pair) -> str:
    return "".join(pair.certificate.public_bytes(serialization.Encoding.PEM).decode() for pair in pairs)


def key(pair: Pair, passphrase: bytes = b"") -> str:
    how = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    return pair.key.private_bytes(*form, how).decode()


def test_a_certificate_of_its_ca_is_whole() -> None:
    seen = read_certificate(pem(LEAF), key(LEAF), pem(CA))
    assert seen.names == ("registry.example.com", "192.0.2.5")
    assert (seen.key_belongs, seen.broken_chain, seen.trusted, seen.signs_others) == (True, None, True, False)


def test_the_ca_may_be_appended() -> None:
    assert read_certificate(pem(LEAF, CA), key(LEAF), pem(CA)).broken_chain is None


def test_another_key_another_ca_and_a_chain_out_of_order_are_seen_at_once() -> None:
    seen = read_certificate(pem(LEAF, OTHER), key(CA), pem(make_authority("third")))
    assert (seen.key_belongs, seen.trusted) == (False, False)
    assert seen.broken_chain == "in cert_file CN=registry is followed by CN=other, which has not signed it"


def test_without_a_ca_the_authorities_of_this_machine_count() -> None:
    seen = read_certificate(pem(LEAF), key(LEAF), None)
    assert (seen.trusted, seen.has_ca) == (False, False)


def test_an_authoritys_own_certificate_is_told_from_a_servers() -> None:
    assert read_certificate(pem(CA), key(CA), pem(CA)).signs_others


@pytest.mark.parametrize(
    ("texts", "where", "what"),
    [
        (("", key(LEAF), pem(CA)), "registry.tls.cert_file", "it holds no certificate"),
        ((pem(LEAF), "no key", pem(CA)), "registry.tls.key", "it is no private key that can be read"),
        ((pem(LEAF), key(LEAF, b"secret"), pem(CA)), "registry.tls.key", "it is encrypted"),
        ((pem(LEAF), key(LEAF), "no CA"), "registry.tls.ca_file", "it holds no certificate"),
    ],
)
def test_what_cannot_be_read_is_named(texts: tuple[str, str, str], where: str, what: str) -> None:
    with pytest.raises(InvalidConfigError) as invalid:
        read_certificate(*texts)
    assert (invalid.value.where, invalid.value.what.startswith(what)) == (where, True)
    assert texts[1] not in str(invalid.value)


def test_an_authority_that_this_machine_trusts_is_found_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ca.pem").write_text(pem(OTHER, CA))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    assert read_certificate(pem(LEAF), key(LEAF), None).trusted
