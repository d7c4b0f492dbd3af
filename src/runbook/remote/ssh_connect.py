"""Opening an SSH connection to a pinned host key, straight or through a jump host."""

import logging
import socket
from collections.abc import Sequence
from typing import Any

import paramiko
from paramiko.ssh_exception import PartialAuthentication

from runbook.domain.errors import RefusedError, RunbookError, UnreachableError
from runbook.remote.ssh_errors import SSH_FAILURES, explain
from runbook.remote.ssh_keys import keys_for, not_accepted, parse_host_key
from runbook.remote.ssh_target import SshTarget
from runbook.remote.ssh_watch import HeardSocket

# Each failure becomes an error of ours, so paramiko's own tracebacks would only repeat it.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)

_UNSENT_BYTES = 128 * 1024  # keeps a question to the node from queueing behind a slow upload
_QUICK_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")  # no second pass for a checksum
_WINDOW = 4 * 1024 * 1024
_HOST_KEY_ALGORITHMS = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}


def connect(
    target: SshTarget, through: paramiko.Transport | None = None
) -> tuple[paramiko.Transport, HeardSocket]:
    """Return a transport, logged in to who presented the pinned key, and the socket that it speaks over."""
    pinned = parse_host_key(target.name, target.host_key)
    with keys_for(target) as keys:
        sock = HeardSocket(_open_directly(target) if through is None else _open_through(through, target))
        transport = _make_transport(sock, pinned, target.connect_timeout)
        try:
            transport.start_client(timeout=target.connect_timeout)
            _refuse_other_key(target.name, transport.get_remote_server_key(), pinned)
            _log_in(transport, target, keys)
        except SSH_FAILURES as error:
            transport.close()
            raise explain(
                target.name, f"no SSH session as {target.user} at {target.address}", error
            ) from error
        except RunbookError:
            transport.close()
            raise
    return transport, sock


def _open_directly(target: SshTarget) -> socket.socket:
    try:
        sock = socket.create_connection((target.address, target.port), target.connect_timeout)
    except OSError as error:
        doing = f"no SSH connection to {target.address} port {target.port}"
        raise explain(target.name, doing, error) from error
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
    return sock


def _open_through(jump: paramiko.Transport, target: SshTarget) -> paramiko.Channel:
    place = (target.address, target.port)
    try:
        return jump.open_channel("direct-tcpip", place, ("127.0.0.1", 0), timeout=target.connect_timeout)
    except SSH_FAILURES as error:
        words = "no answer in time" if "Timeout" in str(error) else str(error) or type(error).__name__
        raise UnreachableError(
            target.name,
            f"the jump host has no connection to {target.address} port {target.port}: {words}",
            "see that the node is up, open to the jump host, and that its sshd has AllowTcpForwarding, then rerun",
        ) from error


def _make_transport(sock: Any, pinned: paramiko.PKey, timeout: float) -> paramiko.Transport:
    transport = paramiko.Transport(sock, default_window_size=_WINDOW)
    transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = timeout
    name = pinned.get_name()
    options = transport.get_security_options()
    options.key_types = _HOST_KEY_ALGORITHMS.get(name, (name,))
    options.ciphers = (*_QUICK_CIPHERS, *(known for known in options.ciphers if known not in _QUICK_CIPHERS))
    return transport


def _log_in(transport: paramiko.Transport, target: SshTarget, keys: Sequence[paramiko.PKey]) -> None:
    """Leave the transport logged in with the first key that is accepted."""
    for tried, key in enumerate(keys, 1):
        try:
            _offer(transport, target.user, key)
        except (paramiko.BadAuthenticationType, PartialAuthentication):
            raise
        except paramiko.AuthenticationException as error:
            if tried == len(keys) or not transport.is_active():
                raise not_accepted(target, tried, error) from error
        else:
            return


def _offer(transport: paramiko.Transport, user: str, key: paramiko.PKey) -> None:
    if more := transport.auth_publickey(user, key):
        raise PartialAuthentication(more)


def _refuse_other_key(where: str, seen: paramiko.PKey, pinned: paramiko.PKey) -> None:
    if seen.asbytes() != pinned.asbytes():
        raise RefusedError(
            where,
            f"its host key is {seen.get_name()} {seen.fingerprint}, the cluster file pins"
            f" {pinned.get_name()} {pinned.fingerprint}",
            "compare with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on its console; pin the new"
            " key only if the machine was set up anew, otherwise somebody stands in between",
        )
