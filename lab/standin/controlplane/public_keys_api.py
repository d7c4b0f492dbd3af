"""The keys of client bundles as their owner sees them, ``/accounts/<name>/publicKeys``."""

import hashlib
from http import HTTPStatus
from typing import Any

from controlplane.accounts import Account, Accounts
from controlplane.pki import Issued
from controlplane.store import Store
from controlplane.wire import Answer, HttpError

PREFIX = "/accounts/"
PARTS = 2  # <name>/publicKeys, then the id of one key


class PublicKeysApi:
    """Lists and deletes an account's keys; a bundle whose key is deleted speaks for nobody."""

    def __init__(self, store: Store, accounts: Accounts) -> None:
        self._store = store
        self._accounts = accounts
        self._certificates: dict[str, dict[str, Any]] = store.section("certificates")

    def describe(self, issued: Issued) -> None:
        """Let the key of a certificate that is remembered be seen and deleted."""
        identifier = hashlib.sha256(issued.public_key).hexdigest()
        self._certificates[issued.serial] |= {"keyID": identifier, "publicKey": issued.public_key.decode()}
        self._store.save()

    def serve(self, method: str, path: str, who: Account) -> Answer:
        """Answer a request under the prefix."""
        parts = path.removeprefix(PREFIX).rstrip("/").split("/")
        if len(parts) < PARTS or parts[1] != "publicKeys":
            raise HttpError(HTTPStatus.NOT_FOUND, "page not found")
        if who["name"] != parts[0] and not who["isAdmin"]:
            raise HttpError(HTTPStatus.FORBIDDEN, "NOT_AUTHORIZED: these are the keys of another account")
        owned = self._owned(self._accounts.get(parts[0]))
        match method, parts[PARTS:]:
            case "GET", []:
                return Answer.json({"accountPublicKeys": [_shown(key) for key in owned.values()]})
            case "DELETE", [identifier] if identifier in owned:
                self._delete(identifier)
                return Answer(HTTPStatus.NO_CONTENT)
        raise HttpError(HTTPStatus.NOT_FOUND, "NO_SUCH_PUBLIC_KEY: the account has no such key")

    def _owned(self, owner: Account) -> dict[str, dict[str, Any]]:
        entries = self._certificates.values()
        return {entry["keyID"]: entry for entry in entries if entry["id"] == owner["id"] and "keyID" in entry}

    def _delete(self, identifier: str) -> None:
        for serial in [s for s, entry in self._certificates.items() if entry.get("keyID") == identifier]:
            del self._certificates[serial]
        self._store.save()


def _shown(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": entry["keyID"],
        "accountID": entry["id"],
        "publicKey": entry["publicKey"],
        "label": "Generated on download",
    }
