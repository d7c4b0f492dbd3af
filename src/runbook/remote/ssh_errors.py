"""Every way in which SSH fails, in the operator's words."""

from paramiko.auth_strategy import AuthFailure
from paramiko.ber import BERException
from paramiko.buffered_pipe import PipeTimeout
from paramiko.hostkeys import InvalidHostKey
from paramiko.packet import NeedRekeyException
from paramiko.pkey import UnknownKeyType
from paramiko.sftp import SFTPError
from paramiko.ssh_exception import (
    AuthenticationException,
    BadAuthenticationType,
    BadHostKeyException,
    ChannelException,
    ConfigParseError,
    CouldNotCanonicalize,
    IncompatiblePeer,
    MessageOrderError,
    NoValidConnectionsError,
    PartialAuthentication,
    PasswordRequiredException,
    ProxyCommandFailure,
    SSHException,
    UnableToAuthenticate,
)

from runbook.domain.errors import RefusedError, RunbookError, UnreachableError
from runbook.remote.ssh_target import SshTarget

_KEY = "see that the key is in the user's authorized_keys and is not encrypted, then rerun"
_NETWORK = "see that the node is up and its SSH port is open from here, then rerun"
_PEER = "see which algorithms and host keys the node's sshd offers, then rerun"
_CONFIG = "correct the node's SSH settings in the cluster file, then rerun"
_SESSION = "read the node's sshd log (MaxSessions, AllowTcpForwarding, memory), then rerun"

# The first class that matches decides, so a subclass stands before its base.
EXPLANATIONS: tuple[tuple[type[Exception], type[RunbookError], str], ...] = (
    (PasswordRequiredException, RefusedError, _KEY),
    (BadAuthenticationType, RefusedError, _KEY),
    (PartialAuthentication, RefusedError, _KEY),
    (AuthFailure, RefusedError, _KEY),
    (UnableToAuthenticate, RefusedError, _KEY),
    (AuthenticationException, RefusedError, _KEY),
    (BadHostKeyException, RefusedError, _PEER),
    (IncompatiblePeer, RefusedError, _PEER),
    (MessageOrderError, RefusedError, _PEER),
    (CouldNotCanonicalize, RefusedError, _CONFIG),
    (ConfigParseError, RefusedError, _CONFIG),
    (InvalidHostKey, RefusedError, _CONFIG),
    (UnknownKeyType, RefusedError, _CONFIG),
    (BERException, RefusedError, _CONFIG),
    (ChannelException, UnreachableError, _SESSION),
    (SFTPError, UnreachableError, _SESSION),
    (ProxyCommandFailure, UnreachableError, _NETWORK),
    (NoValidConnectionsError, UnreachableError, _NETWORK),
    (PipeTimeout, UnreachableError, _NETWORK),
    (NeedRekeyException, UnreachableError, _NETWORK),
    (SSHException, UnreachableError, _NETWORK),
    (OSError, UnreachableError, _NETWORK),
    (EOFError, UnreachableError, _NETWORK),
)
SSH_FAILURES: tuple[type[Exception], ...] = tuple(cause for cause, _, _ in EXPLANATIONS)
KEY_FAILURES: tuple[type[Exception], ...] = (ValueError, OverflowError, *SSH_FAILURES)  # a negative modulus


def explain(where: str, doing: str, error: Exception) -> RunbookError:
    """Return the runbook error that says what went wrong while `doing` something at `where`."""
    for cause, kind, next_step in EXPLANATIONS:
        if isinstance(error, cause):
            return kind(where, f"{doing}: {_words(error)}", next_step)
    return RunbookError(where, f"{doing}: {error!r}", "report this, with the log of the run")


def never_began(target: SshTarget, status: int, stdout: bytes, stderr: bytes) -> RunbookError:
    """Return the error of a command that the login shell, or sudo, did not come to run."""
    said = " ".join((stdout + b" " + stderr).decode(errors="replace").split()) or f"status {status}"
    if target.sudo:
        return RefusedError(
            target.name,
            f"sudo does not let {target.user} run commands as root without a password: {said}",
            f"write `{target.user} ALL=(ALL) NOPASSWD: ALL` into a file of /etc/sudoers.d there, then rerun",
        )
    return RefusedError(
        target.name,
        f"the login shell of {target.user} ran no command: {said}",
        "give the user a shell such as /bin/sh, with base64 on its path, then rerun",
    )


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, EOFError):
        return "the other side closed the connection"
    if isinstance(error, AuthenticationException):
        return f"the key was not accepted ({error})"
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
