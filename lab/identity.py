"""Who a lab is: keys, certificates and passwords, made once when its network is made."""

import secrets
import shutil
import uuid

from pyrage import x25519

from lab.files import write_secret
from lab.paths import CLUSTER_FILE, PKI, SECRETS, SSH
from lab.pki import make_pki
from lab.ssh_keys import make_ssh_keys
from lab.state import read_state, remember
from lab.topology import Topology

ADMIN = "admin"
CONTROL_PLANE_PASSWORD = SECRETS / "control-plane-password"
AGE_IDENTITY = SECRETS / "age-identity"
_S3_KEYS = ("storage-access-key", "storage-secret-key", "vault-access-key", "vault-secret-key")


def make_identity(topology: Topology) -> str:
    """Leave fresh keys, certificates and secrets, and return the id of this identity."""
    forget_identity()
    make_pki(topology)
    make_ssh_keys(topology)
    write_secret(CONTROL_PLANE_PASSWORD, secrets.token_urlsafe(18))
    for name in _S3_KEYS:
        write_secret(SECRETS / name, secrets.token_hex(20))
    write_secret(AGE_IDENTITY, str(x25519.Identity.generate()))
    identity = uuid.uuid4().hex[:12]
    remember(identity=identity, octet=topology.octet)
    return identity


def forget_identity() -> None:
    """Leave no key, certificate, secret or cluster file of an earlier lab."""
    for folder in (PKI, SSH, SECRETS):
        shutil.rmtree(folder, ignore_errors=True)
    CLUSTER_FILE.unlink(missing_ok=True)
    if read_state().identity is not None:
        remember(identity=None, octet=None, further_nodes=0)


def read_secret(name: str) -> str:
    """Return a secret of this lab."""
    return (SECRETS / name).read_text().strip()


def age_recipient() -> str:
    """Return the public half of the vault's key."""
    return str(x25519.Identity.from_str(AGE_IDENTITY.read_text().strip()).to_public())
