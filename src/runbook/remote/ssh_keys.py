"""What a host must present, and what opens it: a private key, alone or with a certificate, or an agent's keys."""

import base64
import io
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import paramiko
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.hazmat.primitives.serialization.ssh import (
    SSHCertificate,
    SSHCertificateType,
    load_ssh_public_identity,
)
from pydantic import SecretStr

from runbook.domain.errors import InvalidConfigError, RefusedError, RunbookError
from runbook.remote.ssh_errors import KEY_FAILURES
from runbook.remote.ssh_target import SshTarget

_PRIVATE_KEY_CLASSES = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)
_NEW_CERTIFICATE = (
    "have the authority sign a new one for this user, put it where ssh.certificate names it, then rerun"
)


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


@contextmanager
def keys_for(target: SshTarget) -> Iterator[Sequence[paramiko.PKey]]:
    """Yield what may open the target, in the order in which to try; an agent is let go of afterwards."""
    if target.private_key is None:
        agent = paramiko.Agent()
        try:
            yield _held_keys(target.name, agent)
        finally:
            agent.close()
        return
    key = _parse_private_key(target.name, target.private_key.get_secret_value(), target.passphrase)
    if target.certificate is not None:
        _add_certificate(target.name, key, target.certificate)
    yield (key,)


def not_accepted(target: SshTarget, tried: int, error: Exception) -> RunbookError:
    """Return the error of a login for which the node took none of what was offered."""
    doing = f"no SSH session as {target.user} at {target.address}"
    if target.certificate is not None:
        return RefusedError(target.name, f"{doing}: {_why_no_certificate(target)}", _NEW_CERTIFICATE)
    if target.private_key is None:
        return RefusedError(
            target.name,
            f"{doing}: none of the agent's keys was accepted ({tried} tried: {error})",
            "`ssh-add` the key that opens the node; sshd hears no more than MaxAuthTries (6), so hold few",
        )
    return RefusedError(
        target.name,
        f"{doing}: the key was not accepted ({error})",
        "see that its public half is in the user's authorized_keys on the node, then rerun",
    )


def _whole_key(kind: str, encoded: bytes) -> paramiko.PKey:
    key = paramiko.PKey.from_type_string(kind, encoded)
    if key.asbytes() != encoded:  # paramiko fills a key that was cut off with zeros
        raise ValueError("the key is cut off, or something follows it")
    return key


def _held_keys(where: str, agent: paramiko.Agent) -> Sequence[paramiko.PKey]:
    keys: Sequence[paramiko.PKey] = agent.get_keys()
    if not keys:
        found = (
            "the SSH agent holds no key" if os.environ.get("SSH_AUTH_SOCK") else "SSH_AUTH_SOCK is not set"
        )
        raise RefusedError(
            where,
            f"ssh.agent is on, and {found}",
            "`ssh-add` a key in the environment that the runbook runs in, or name a file: ssh.key",
        )
    return keys


def _parse_private_key(where: str, text: str, passphrase: SecretStr | None) -> paramiko.PKey:
    word = passphrase.get_secret_value() if passphrase else None
    problem: Exception | None = None
    for key_class in _PRIVATE_KEY_CLASSES:
        try:
            return key_class.from_private_key(io.StringIO(text), word)
        except paramiko.PasswordRequiredException as error:
            raise RefusedError(
                where, "the SSH private key is encrypted", "name its passphrase: ssh.key_passphrase"
            ) from error
        except KEY_FAILURES as error:
            problem = error
    if word is not None and _is_encrypted(text):
        raise RefusedError(
            where,
            "the passphrase does not open the SSH private key",
            "correct the secret that ssh.key_passphrase names; `ssh-keygen -y -f KEY` tries one",
        ) from problem
    raise InvalidConfigError(
        where,
        "its SSH private key is not one that can be read (Ed25519, ECDSA or RSA, in OpenSSH's format)",
        "name a private key made by ssh-keygen",
    ) from problem


def _is_encrypted(text: str) -> bool:
    for key_class in _PRIVATE_KEY_CLASSES:
        try:
            key_class.from_private_key(io.StringIO(text))
        except paramiko.PasswordRequiredException:
            return True
        except KEY_FAILURES:
            continue
    return False


def _add_certificate(where: str, key: paramiko.PKey, text: str) -> None:
    certificate = _parse_certificate(where, text)
    owner = certificate.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    if base64.b64decode(owner.split()[1]) != key.asbytes():
        raise InvalidConfigError(
            where,
            "ssh.certificate was issued for another key than ssh.key",
            "name the certificate that `ssh-keygen -s` wrote beside this key: KEY-cert.pub",
        )
    key.load_certificate(text)


def _parse_certificate(where: str, text: str) -> SSHCertificate:
    problem: Exception | None = None
    try:
        found = load_ssh_public_identity(text.strip().encode())
        if isinstance(found, SSHCertificate) and found.type is SSHCertificateType.USER:
            return found
    except KEY_FAILURES as error:
        problem = error
    raise InvalidConfigError(
        where, "ssh.certificate holds no OpenSSH user certificate", "name the file that ends in -cert.pub"
    ) from problem


def _why_no_certificate(target: SshTarget) -> str:
    certificate = _parse_certificate(target.name, target.certificate or "")
    now = time.time()
    if now >= certificate.valid_before:
        return f"its certificate expired on {_date(certificate.valid_before)}"
    if now < certificate.valid_after:
        return f"its certificate is valid from {_date(certificate.valid_after)} on only"
    principals = [name.decode(errors="replace") for name in certificate.valid_principals]
    if principals and target.user not in principals:
        return f"its certificate is for {', '.join(principals)} and not for {target.user}"
    return "its certificate was not accepted: the node trusts another authority, or revoked it"


def _date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
