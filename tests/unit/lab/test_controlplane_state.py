"""What the control plane's stand-in keeps, and for whom it answers."""

import asyncio
import base64
from pathlib import Path

import pytest
from controlplane.accounts import Accounts
from controlplane.auth import Sessions
from controlplane.store import Store, write_atomically
from controlplane.wire import Head, HttpError, Request


class State:
    """A store with its accounts and sessions, as after a start."""

    def __init__(self, directory: Path) -> None:
        self.store = Store(directory)
        self.accounts = Accounts(self.store)
        self.sessions = Sessions(self.store, self.accounts)

    def who(self, authorization: str, path: str = "/id/", serial: str = "") -> str:
        request = Request.parse(Head(f"GET {path} HTTP/1.1", (("Authorization", authorization),)))
        certificate = {"serialNumber": serial} if serial else {}
        return str(asyncio.run(self.sessions.account(request, certificate))["name"])


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(tmp_path)
    state.accounts.create("ann", "secret-1", is_org=False)
    return state


def test_the_state_outlives_the_process(state: State) -> None:
    token = asyncio.run(state.sessions.login("ann", "secret-1"))
    again = State(state.store.directory)
    assert again.store.cluster_id == state.store.cluster_id
    assert again.who(f"Bearer {token}") == "ann"


def test_neither_passwords_nor_tokens_are_on_disk(state: State) -> None:
    token = asyncio.run(state.sessions.login("ann", "secret-1"))
    text = (state.store.directory / "state.json").read_text()
    assert "secret-1" not in text
    assert token not in text
    assert (state.store.directory / "state.json").stat().st_mode & 0o077 == 0


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for text in ("long text", "short"):
        write_atomically(path, text)
    assert path.read_text() == "short"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("password", ["", "wrong"])
def test_a_wrong_password_is_401(state: State, password: str) -> None:
    with pytest.raises(HttpError) as refused:
        asyncio.run(state.sessions.login("ann", password))
    assert refused.value.status == 401


def test_nobody_logs_in_as_an_organization(state: State) -> None:
    state.accounts.create("org", None, is_org=True)
    with pytest.raises(HttpError):
        asyncio.run(state.sessions.login("org", ""))


def test_only_the_accounts_take_a_password_with_each_request(state: State) -> None:
    basic = "Basic " + base64.b64encode(b"ann:secret-1").decode()
    assert state.who(basic, "/enzi/v0/accounts") == "ann"
    with pytest.raises(HttpError):
        state.who(basic, "/info")


def test_a_certificate_speaks_for_its_owner_only_when_the_state_knows_it(state: State) -> None:
    state.sessions.remember_certificate("ABC", state.accounts.get("ann"))
    assert state.who("", serial="0ABC") == "ann"
    with pytest.raises(HttpError):
        state.who("", serial="ABD")


def test_a_new_account_of_an_old_name_inherits_no_session(state: State) -> None:
    token = asyncio.run(state.sessions.login("ann", "secret-1"))
    state.accounts.delete("ann")
    state.accounts.create("ann", "secret-2", is_org=False)
    with pytest.raises(HttpError):
        state.who(f"Bearer {token}")


def test_who_is_deleted_leaves_the_teams(state: State) -> None:
    state.accounts.create("org", None, is_org=True)
    state.accounts.create_team("org", "dev", "")
    state.accounts.set_member("org", "dev", "ann", is_admin=False)
    assert [team["team"]["name"] for team in state.accounts.teams_of("org", "ann")] == ["dev"]
    state.accounts.delete("ann")
    assert state.accounts.members("org", "dev") == []
