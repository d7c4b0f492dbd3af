"""How the nodes are reached by SSH."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from blocks.secret_references import SecretReference, resolve
from runbook.domain.topology import NodeRole
from runbook.remote.ssh import SshTarget


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

    name: str = Field(min_length=1, description="Name as `docker node ls` shows it")
    address: str = Field(min_length=1, description="Address that SSH and HTTPS reach")
    port: int = Field(default=22, ge=1, le=65535, description="SSH port")
    role: NodeRole = Field(description="manager runs the control plane, registry may hold a replica")
    host_key: str = Field(
        pattern=r"^(ssh-|ecdsa-)\S+ \S+",
        description="Pinned host key, as in /etc/ssh/ssh_host_ed25519_key.pub",
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
