"""The stand-in's keys of client bundles: whose they are, and that a deleted one speaks for nobody."""

import json
from pathlib import Path

import pytest
from controlplane.accounts import Account, Accounts
from controlplane.auth import Sessions
from controlplane.pki import Issued
from controlplane.public_keys_api import PublicKeysApi
from controlplane.store import Store
from controlplane.wire import HttpError


class Site:
    def __init__(self, folder: Path) -> None:
        self.store = Store(folder)
        self.accounts = Accounts(self.store)
        self.sessions = Sessions(self.store, self.accounts)
        self.api = PublicKeysApi(self.store, self.accounts)

    def download(self, serial: str, who: Account) -> None:
        self.sessions.remember_certificate(serial, who)
        self.api.describe(Issued(serial, b"", b"", f"PEM of {serial}".encode()))

    def keys(self, who: Account, owner: str) -> dict[str, str]:
        answer = json.loads(self.api.serve("GET", f"/accounts/{owner}/publicKeys", who).body)
        return {key["publicKey"]: key["id"] for key in answer["accountPublicKeys"]}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.accounts.create("ann", "secret-1", is_org=False)
    site.accounts.create("bob", "secret-2", is_org=False)
    return site


def test_each_download_adds_a_key_that_its_owner_can_delete(site: Site) -> None:
    ann = site.accounts.get("ann")
    for serial in ("A1", "A2"):
        site.download(serial, ann)
    keys = site.keys(ann, "ann")
    assert set(keys) == {"PEM of A1", "PEM of A2"}
    path = f"/accounts/ann/publicKeys/{keys['PEM of A1']}"
    assert site.api.serve("DELETE", path, ann).status == 204
    assert set(site.keys(ann, "ann")) == {"PEM of A2"}
    assert set(Store(site.store.directory).section("certificates")) == {"A2"}
    with pytest.raises(HttpError, match="404"):
        site.api.serve("DELETE", path, ann)


def test_nobody_sees_or_deletes_the_keys_of_another(site: Site) -> None:
    ann, bob = site.accounts.get("ann"), site.accounts.get("bob")
    site.download("A1", ann)
    (identifier,) = site.keys(ann, "ann").values()
    for method, path in (
        ("GET", "/accounts/ann/publicKeys"),
        ("DELETE", f"/accounts/ann/publicKeys/{identifier}"),
    ):
        with pytest.raises(HttpError, match="403"):
            site.api.serve(method, path, bob)
    with pytest.raises(HttpError, match="404"):
        site.api.serve("DELETE", f"/accounts/bob/publicKeys/{identifier}", bob)
