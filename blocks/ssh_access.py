"""How the nodes are reached by SSH."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from blocks.secret_references import SecretReference, resolve
from runbook.domain.errors import InvalidConfigError
from runbook.domain.topology import NodeRole
from runbook.remote.ssh import SshTarget
from runbook.remote.ssh_connect import parse_host_key

_PLAIN = re.compile(r"[A-Za-z0-9_.:-]+")


def _check_plain(text: str) -> str:
    """Return the text if it can stand in a command's argument and in HAProxy's configuration."""
    if not _PLAIN.fullmatch(text):
        raise ValueError("must be made of letters, digits and _ . : - alone, one at least")
    return text


def _check_host_key(text: str) -> str:
    try:
        parse_host_key("host_key", text)
    except InvalidConfigError as exc:
        raise ValueError(f"{exc.what}; {exc.next_step}") from None
    return text


Plain = Annotated[str, AfterValidator(_check_plain)]


class SshAccess(BaseModel):
    """User and private key that open every node."""

    model_config = ConfigDict(extra="forbid")

    user: str = Field(
        default="root",
        description="Login on nodes and load balancer; must be root: it moves volumes' data and writes /etc/haproxy",
    )
    key: SecretReference = Field(description="Private key, OpenSSH format: file:PATH, env:NAME or block:NAME")
    connect_timeout: float = Field(default=10, gt=0, description="Seconds until a node counts as unreachable")

    def private_key(self) -> SecretStr:
        """Return the private key's text."""
        return resolve(self.key)


class NodeSettings(BaseModel):
    """One machine of the cluster."""

    model_config = ConfigDict(extra="forbid")

    name: Plain = Field(description="Name as `docker node ls` shows it")
    address: Plain = Field(description="Address that SSH and HTTPS reach")
    port: int = Field(default=22, ge=1, le=65535, description="SSH port")
    role: NodeRole = Field(description="manager runs the control plane, registry may hold a replica")
    host_key: Annotated[str, AfterValidator(_check_host_key)] = Field(
        description="Pinned host key, as in /etc/ssh/ssh_host_ed25519_key.pub"
    )

    def target(self, access: SshAccess) -> SshTarget:
        """Return where and how SSH reaches this node."""
        return SshTarget(
            name=self.name,
            address=self.address,
            port=self.port,
            user=access.user,
            host_key=self.host_key,
            private_key=access.private_key(),
            connect_timeout=access.connect_timeout,
        )
