"""Opening an SSH connection to a pinned host key, and noticing when it dies."""

import base64
import io
import logging
import socket
import threading
from contextlib import suppress

import paramiko

from runbook.domain.errors import InvalidConfigError, RefusedError
from runbook.remote.ssh_errors import KEY_FAILURES, SSH_FAILURES, explain

# Each failure becomes an error of ours, so paramiko's own tracebacks would only repeat it.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)
logger = logging.getLogger(__name__)

_ASK_EVERY = 4.0
_ANSWER_WITHIN = 8.0
_UNSENT_BYTES = 128 * 1024  # keeps a question to the node from queueing behind a slow upload
_QUICK_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")  # no second pass for a checksum
_WINDOW = 4 * 1024 * 1024
_HOST_KEY_ALGORITHMS = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}
_PRIVATE_KEY_CLASSES = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)


def connect(
    where: str, address: tuple[str, int], login: tuple[str, str], host_key: str, timeout: float
) -> paramiko.Transport:
    """Return a transport to `address`, logged in as (user, private key), that presented `host_key`."""
    pinned = parse_host_key(where, host_key)
    key = _parse_private_key(where, login[1])
    try:
        sock = socket.create_connection(address, timeout)
    except OSError as error:
        raise explain(where, f"no SSH connection to {address[0]} port {address[1]}", error) from error
    transport = _make_transport(sock, pinned, timeout)
    try:
        transport.start_client(timeout=timeout)
        _refuse_other_key(where, transport.get_remote_server_key(), pinned)
        transport.auth_publickey(login[0], key)
    except SSH_FAILURES as error:
        transport.close()
        raise explain(where, f"no SSH session as {login[0]} at {address[0]}", error) from error
    except RefusedError:
        transport.close()
        raise
    return transport


def _make_transport(sock: socket.socket, pinned: paramiko.PKey, timeout: float) -> paramiko.Transport:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
    transport = paramiko.Transport(sock, default_window_size=_WINDOW)
    transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = timeout
    name = pinned.get_name()
    options = transport.get_security_options()
    options.key_types = _HOST_KEY_ALGORITHMS.get(name, (name,))
    options.ciphers = (*_QUICK_CIPHERS, *(known for known in options.ciphers if known not in _QUICK_CIPHERS))
    return transport


def parse_host_key(where: str, text: str) -> paramiko.PKey:
    """Return the public key of a line such as `ssh-ed25519 AAAA… comment`."""
    try:
        kind, encoded = text.split()[:2]
        return _whole_key(kind, base64.b64decode(encoded, validate=True))
    except KEY_FAILURES as error:
        raise InvalidConfigError(
            where,
            "its pinned host key is not a public key such as 'ssh-ed25519 AAAA…'",
            "copy the line from the node's /etc/ssh/ssh_host_ed25519_key.pub",
        ) from error


def _whole_key(kind: str, encoded: bytes) -> paramiko.PKey:
    key = paramiko.PKey.from_type_string(kind, encoded)
    if key.asbytes() != encoded:  # paramiko fills a key that was cut off with zeros
        raise ValueError("the key is cut off, or something follows it")
    return key


def _parse_private_key(where: str, text: str) -> paramiko.PKey:
    problem: Exception | None = None
    for key_class in _PRIVATE_KEY_CLASSES:
        try:
            return key_class.from_private_key(io.StringIO(text))
        except paramiko.PasswordRequiredException as error:
            raise explain(where, "the private key is encrypted", error) from error
        except KEY_FAILURES as error:
            problem = error
    raise InvalidConfigError(
        where,
        "its SSH private key is not one that can be read (Ed25519, ECDSA or RSA, in OpenSSH's format)",
        "name a private key made by ssh-keygen, without a passphrase",
    ) from problem


def _refuse_other_key(where: str, seen: paramiko.PKey, pinned: paramiko.PKey) -> None:
    if seen.asbytes() != pinned.asbytes():
        raise RefusedError(
            where,
            f"its host key is {seen.get_name()} {seen.fingerprint}, the cluster file pins"
            f" {pinned.get_name()} {pinned.fingerprint}",
            "compare with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the node's console; pin the new"
            " key only if the node was set up anew, otherwise somebody stands in between",
        )


class Watch:
    """Asks the other side for a sign of life and closes the transport when none comes.

    TCP alone would not notice a cut cable for minutes, and a frozen machine never.
    """

    def __init__(self, where: str, transport: paramiko.Transport) -> None:
        self._where = where
        self._transport = transport
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"watch on {where}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the watch."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(_ASK_EVERY) and self._transport.is_active():
            alarm = threading.Timer(_ANSWER_WITHIN, self._give_up)
            alarm.daemon = True
            alarm.start()
            with suppress(*SSH_FAILURES):
                self._transport.global_request("keepalive@openssh.com", wait=True)
            alarm.cancel()

    def _give_up(self) -> None:
        logger.warning(
            "%s: no sign of life over SSH for %.0f s, connection given up", self._where, _ANSWER_WITHIN
        )
        self._transport.close()
