"""The control plane's client bundle on this machine: for one run, readable by its owner alone."""

import io
import logging
import ssl
import tempfile
import zipfile
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from docker import APIClient
from docker.tls import TLSConfig

from runbook.domain.errors import MismatchError, RunbookError
from runbook.remote.control_plane_api import ControlPlane

logger = logging.getLogger(__name__)
NEEDED = ("ca.pem", "cert.pem", "key.pem")
_FIRST_VERSION = "1.24"  # only to ask which one the control plane speaks


def with_port(url: str) -> str:
    """Return the URL with the port that https means; the SDK wants one spelled out."""
    parts = urlsplit(url)
    return url if parts.port else urlunsplit(parts._replace(netloc=f"{parts.netloc}:443"))


class ClientBundle:
    """Unpacked files of a bundle in a folder that `close` deletes."""

    def __init__(self, where: str, content: bytes) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="runbook-bundle-")  # mode 0700
        self._path = Path(self._folder.name)
        try:
            self._unpack(content)
        except (zipfile.BadZipFile, KeyError) as error:
            self.close()
            raise MismatchError(
                where,
                f"its client bundle is not usable: {error}",
                "download one by hand and compare, then rerun",
            ) from error

    def make_client(self, url: str, timeout: int) -> APIClient:
        """Return a Docker client for the control plane at `url` that speaks the version it knows."""
        asking = self._make_client(url, timeout, _FIRST_VERSION)
        try:
            version = asking.version(api_version=False)["ApiVersion"]
        finally:
            asking.close()
        return self._make_client(url, timeout, version)

    def make_context(self) -> ssl.SSLContext:
        """Return the TLS settings of this bundle."""
        context = ssl.create_default_context(cafile=str(self._path / "ca.pem"))
        context.load_cert_chain(self._path / "cert.pem", self._path / "key.pem")
        return context

    @property
    def public_key(self) -> bytes | None:
        """The key that the bundle speaks with (DER), None where its certificate is none."""
        try:
            key = x509.load_pem_x509_certificates(self._certificate)[0].public_key()
        except ValueError:
            return None
        return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def close(self) -> None:
        """Delete the files."""
        self._folder.cleanup()

    def _unpack(self, content: bytes) -> None:
        with zipfile.ZipFile(io.BytesIO(content)) as bundle:
            for name in NEEDED:
                target = self._path / name
                target.touch(mode=0o600)
                target.write_bytes(bundle.read(name))
            self._certificate = bundle.read("cert.pem")

    def _make_client(self, url: str, timeout: int, version: str) -> APIClient:
        tls = TLSConfig(
            client_cert=(str(self._path / "cert.pem"), str(self._path / "key.pem")),
            ca_cert=str(self._path / "ca.pem"),
            verify=True,
        )
        client = APIClient(base_url=with_port(url), tls=tls, version=version, timeout=timeout)
        client.trust_env = False  # else REQUESTS_CA_BUNDLE would replace the bundle's CA
        return client


def withdraw(control_plane: ControlPlane, bundle: ClientBundle) -> None:
    """Leave the account without the bundle's key; where that fails a warning says what stays."""
    try:
        own = bundle.public_key
        ours = [name for name, pem in control_plane.public_keys().items() if own and _to_der(pem) == own]
        for name in ours:
            control_plane.delete_public_key(name)
        problem = "" if ours else "the account's list of keys does not name it"
    except RunbookError as error:
        problem = error.what
    if problem:
        logger.warning(
            "%s: the key of this run's client bundle stays with the account %s: %s. Delete it there, under the"
            " account's client bundles",
            control_plane.where,
            control_plane.access.user,
            problem,
        )


def _to_der(pem: str) -> bytes:
    try:
        key = load_pem_public_key(pem.encode())
    except ValueError:
        return b""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
