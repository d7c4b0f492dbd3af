"""Checks the name and password (or access token) of basic authentication."""

import base64
import binascii
import hashlib
import time

from registry.control_plane import Accounts
from registry.permissions import Principal
from registry.tables import Tables

_REMEMBER = 10.0


def parse_basic(header: str) -> tuple[str, str] | None:
    """Return name and password of an Authorization header, None when it holds none."""
    kind, _, value = header.partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name, password) if colon else None


def hashed(token: str) -> str:
    """Return the stored form of an access token."""
    return hashlib.sha256(token.encode()).hexdigest()


class Credentials:
    """Asks the control plane, and for ten seconds remembers who was right."""

    def __init__(self, tables: Tables, accounts: Accounts) -> None:
        self._tables = tables
        self._accounts = accounts
        self._known: dict[str, tuple[float, Principal]] = {}

    async def check(self, name: str, password: str) -> Principal | None:
        """Return who it is; None on a wrong password."""
        key = hashed(f"{name}:{password}")
        remembered = self._known.get(key)
        if remembered and remembered[0] > time.monotonic():
            return remembered[1]
        principal = await self._by_password(name, password) or await self._by_token(name, password)
        if principal:
            self._known[key] = (time.monotonic() + _REMEMBER, principal)
        return principal

    async def _by_password(self, name: str, password: str) -> Principal | None:
        token = await self._accounts.login(name, password)
        if token is None:
            return None
        account = await self._accounts.account(token, name) or {}
        return Principal(name, bool(account.get("isAdmin")), token)

    async def _by_token(self, name: str, password: str) -> Principal | None:
        row = await self._tables.get("client_tokens", hashed(password))
        if row is None or row["account"] != name or not row["isActive"]:
            return None
        return Principal(name, bool(row["isAdmin"]))
