"""How the nodes are reached by SSH."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    SecretStr,
    model_validator,
)

from blocks.problems import Problem, validated
from blocks.secret_references import SecretReference, resolve
from runbook.domain.errors import InvalidConfigError
from runbook.domain.topology import NodeRole
from runbook.remote.ssh_keys import parse_host_key
from runbook.remote.ssh_target import SshTarget

ROOT = "root"

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


HostKey = Annotated[str, AfterValidator(_check_host_key)]


class JumpHost(BaseModel):
    """A machine through which all others are reached; one connection to it per run."""

    model_config = ConfigDict(extra="forbid")

    address: Plain = Field(description="Address of the jump host, from here")
    port: int = Field(default=22, ge=1, le=65535, description="SSH port of the jump host")
    user: Plain | None = Field(default=None, description="Login on the jump host; left out: ssh.user")
    host_key: HostKey = Field(description="Pinned host key of the jump host")


class SshAccess(BaseModel):
    """Who logs in on every machine, and with what."""

    model_config = ConfigDict(extra="forbid")

    user: str = Field(
        default=ROOT, description="Login on nodes and load balancer; root, or one with `sudo: true`"
    )
    sudo: bool = Field(
        default=False, description="Run every command with `sudo -n`, where the login is not root"
    )
    key: SecretReference | None = Field(
        default=None, description="Private key, OpenSSH format: file:PATH, env:NAME or block:NAME"
    )
    key_passphrase: SecretReference | None = Field(default=None, description="Passphrase of the private key")
    certificate: SecretReference | None = Field(
        default=None, description="OpenSSH user certificate of the private key: file:KEY-cert.pub"
    )
    agent: bool = Field(default=False, description="Use the keys of the SSH agent instead (SSH_AUTH_SOCK)")
    jump: JumpHost | None = Field(default=None, description="Jump host in front of every machine")
    connect_timeout: float = Field(default=10, gt=0, description="Seconds until a node counts as unreachable")

    @model_validator(mode="wrap")
    @classmethod
    def _one_way_in(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return validated(handler, data, _ways_in(data) if isinstance(data, Mapping) else ())

    def target(self, name: str, place: tuple[str, int], user: str | None, host_key: str) -> SshTarget:
        """Return how a machine at `place` is reached; a login of its own goes before the common one."""
        login = user or self.user
        return SshTarget(
            name,
            *place,
            login,
            host_key,
            self._secret(self.key),
            self.connect_timeout,
            self._secret(self.key_passphrase),
            self._certificate(),
            self._jump(),
            self.sudo and login != ROOT,
        )

    def _jump(self) -> SshTarget | None:
        """Return the jump host, which needs no root: nothing runs on it."""
        if self.jump is None:
            return None
        direct = self.model_copy(update={"jump": None, "sudo": False})
        jump = self.jump
        place = (jump.address, jump.port)
        return direct.target(f"jump host {jump.address}", place, jump.user, jump.host_key)

    def _certificate(self) -> str | None:
        text = self._secret(self.certificate)
        return text.get_secret_value() if text else None

    @staticmethod
    def _secret(reference: str | None) -> SecretStr | None:
        return resolve(reference) if reference else None


def _ways_in(document: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what leaves no way in, or more than one."""
    key, agent = document.get("key"), document.get("agent")
    if not key and not agent:
        yield Problem(("key",), "name a private key, or set `agent: true` to use the SSH agent's keys")
    if key and agent:
        yield Problem(("agent",), "ssh.key is there too; leave one of them out")
    for part in ("key_passphrase", "certificate"):
        if document.get(part) and not key:
            yield Problem((part,), "belongs to ssh.key, which is not there")


class NodeSettings(BaseModel):
    """One machine of the cluster."""

    model_config = ConfigDict(extra="forbid")

    name: Plain = Field(description="Name as `docker node ls` shows it")
    address: Plain = Field(description="Address that SSH and HTTPS reach")
    port: int = Field(default=22, ge=1, le=65535, description="SSH port")
    role: NodeRole = Field(description="manager runs the control plane, registry may hold a replica")
    user: Plain | None = Field(default=None, description="Login on this machine; left out: ssh.user")
    host_key: HostKey = Field(description="Pinned host key, as in /etc/ssh/ssh_host_ed25519_key.pub")

    def target(self, access: SshAccess) -> SshTarget:
        """Return where and how SSH reaches this node."""
        return access.target(self.name, (self.address, self.port), self.user, self.host_key)
