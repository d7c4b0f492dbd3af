"""Who a request speaks for: a session token, the certificate of a bundle, or (accounts) a password."""

import asyncio
import base64
import binascii
import hashlib
import secrets
import time
from http import HTTPStatus
from typing import Any

from controlplane.accounts import Account, Accounts, password_matches
from controlplane.store import Store
from controlplane.wire import HttpError, Request

SESSION_SECONDS = 24 * 3600
MAX_SESSIONS = 2000  # those that were not used for longest end first


def _key(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class Sessions:
    """Tokens from logins and certificates from bundles, kept in the state (tokens only as hashes)."""

    def __init__(self, store: Store, accounts: Accounts) -> None:
        self._store = store
        self._accounts = accounts
        self._tokens: dict[str, dict[str, Any]] = store.section("tokens")
        self._certificates: dict[str, dict[str, Any]] = store.section("certificates")

    async def login(self, user: str, password: str) -> str:
        """Return a new token for the right password."""
        await self._check_password(user, password)
        token = secrets.token_urlsafe(32)
        owner = self._owner(self._accounts.get(user))
        self._tokens[_key(token)] = {**owner, "expires": time.time() + SESSION_SECONDS}
        oldest_first = sorted(self._tokens, key=lambda key: float(self._tokens[key]["expires"]))
        for key in oldest_first[:-MAX_SESSIONS]:
            del self._tokens[key]
        self._store.save()
        return token

    def logout(self, request: Request) -> None:
        """Leave the request's token worthless."""
        if self._tokens.pop(_key(_bearer(request)), None):
            self._store.save()

    def remember_certificate(self, serial: str, who: Account) -> None:
        """Let the certificate with this serial speak for the account."""
        self._certificates[serial] = self._owner(who)
        self._store.save()

    async def account(self, request: Request, certificate: dict[str, Any]) -> Account:
        """Return the account that a request speaks for, or answer 401."""
        owner = await self._claimed(request, certificate)
        account = self._accounts.find(str(owner.get("user", "")))
        if account is None or account["id"] != owner["id"]:
            raise HttpError(HTTPStatus.UNAUTHORIZED, "unauthorized: log in, or use a client bundle")
        return account

    async def _claimed(self, request: Request, certificate: dict[str, Any]) -> dict[str, Any]:
        if token := _bearer(request):
            session = self._tokens.get(_key(token), {})
            if session.get("expires", 0) < time.time():
                return {}
            session["expires"] = time.time() + SESSION_SECONDS
            return session
        if request.path.startswith("/enzi/") and (basic := _basic(request)):
            await self._check_password(*basic)
            return self._owner(self._accounts.get(basic[0]))
        return self._certificates.get(str(certificate.get("serialNumber", "")).lstrip("0"), {})

    @staticmethod
    def _owner(who: Account) -> dict[str, Any]:
        """Return name and identifier: a new account of an old name inherits nothing."""
        return {"user": who["name"], "id": who["id"]}

    async def _check_password(self, user: str, password: str) -> None:
        stored = self._accounts.password_hash(user)
        if not stored or not await asyncio.to_thread(password_matches, password, stored):
            raise HttpError(HTTPStatus.UNAUTHORIZED, "invalid username or password")


def _bearer(request: Request) -> str:
    scheme, _, token = request.head.get("Authorization").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _basic(request: Request) -> tuple[str, str] | None:
    scheme, _, encoded = request.head.get("Authorization").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(encoded).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return user, password
