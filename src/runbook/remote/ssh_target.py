"""A machine as SSH reaches it."""

from dataclasses import dataclass

from pydantic import SecretStr


@dataclass(frozen=True)
class SshTarget:
    """Where a machine is, who logs in and with what; `host_key` is what its sshd must present.

    Without a private key the keys of the SSH agent open it. Behind a jump host it is reached through that host's
    own connection. With `sudo` every command runs as root.
    """

    name: str
    address: str
    port: int
    user: str
    host_key: str
    private_key: SecretStr | None
    connect_timeout: float = 10.0
    passphrase: SecretStr | None = None
    certificate: str | None = None
    jump: "SshTarget | None" = None
    sudo: bool = False
