import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from lab.pki import make_pki
from lab.topology import Topology


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pki")
    make_pki(Topology("rrl-00000002", 7), folder)
    return folder


def certificate(folder, stem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / f"{stem}.pem").read_bytes())


def test_the_control_planes_certificate_is_valid_for_its_address(folder):
    names = certificate(folder, "ucp-cert").extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert [str(address) for address in names.value.get_values_for_type(x509.IPAddress)] == [
        "198.18.7.10",
        "127.0.0.1",
    ]


def test_every_certificate_is_signed_by_the_labs_authority(folder):
    engines = [f"engine-{name}-cert" for name in ("ucp1", "dtr1", "dtr2", "dtr3", "dtr4")]
    for stem in ("ucp-cert", "engine-client-cert", *engines):
        certificate(folder, stem).verify_directly_issued_by(certificate(folder, "ca"))


def test_clients_of_the_control_plane_have_an_authority_of_their_own(folder):
    with pytest.raises(ValueError, match="Issuer"):
        certificate(folder, "engine-client-cert").verify_directly_issued_by(certificate(folder, "client-ca"))
    assert isinstance(certificate(folder, "client-ca").public_key(), ec.EllipticCurvePublicKey)


def test_keys_fit_their_certificates_and_are_readable_by_their_owner_alone(folder):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ucp-cert.pem", folder / "ucp-key.pem")
    assert {path.stat().st_mode & 0o777 for path in folder.glob("*-key.pem")} == {0o600}
