"""Users, organizations and teams. They live here and not in the registry."""

import hashlib
import hmac
import secrets
import uuid
from http import HTTPStatus
from typing import Any

from controlplane.store import Store
from controlplane.wire import HttpError

Account = dict[str, Any]
COST = {"n": 2**13, "r": 8, "p": 1}  # scrypt: about 20 ms, the registry logs in for every pull


def hash_password(password: str) -> str:
    """Return salt and hash of a password."""
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}:{hashlib.scrypt(password.encode(), salt=salt, **COST).hex()}"


def password_matches(password: str, stored: str) -> bool:
    """Return whether `stored` is the hash of this password."""
    salt, _, expected = stored.partition(":")
    actual = hashlib.scrypt(password.encode(), salt=bytes.fromhex(salt), **COST).hex()
    return hmac.compare_digest(actual, expected)


class Accounts:
    """The accounts in the state."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._all: dict[str, Account] = store.section("accounts")
        self._teams: dict[str, dict[str, Any]] = store.section("teams")

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return sorted(self._all)

    def find(self, name: str) -> Account | None:
        """Return an account as the API shows it, without its password."""
        account = self._all.get(name)
        return None if account is None else {k: v for k, v in account.items() if k != "passwordHash"}

    def get(self, name: str) -> Account:
        """Return an account, or answer that there is none."""
        account = self.find(name)
        if account is None:
            raise HttpError(HTTPStatus.NOT_FOUND, f"NO_SUCH_ACCOUNT: no account is named {name!r}")
        return account

    def create(self, name: str, password: str | None, *, is_org: bool, is_admin: bool = False) -> Account:
        """Leave the state with one account more."""
        if name in self._all:
            raise HttpError(HTTPStatus.BAD_REQUEST, f"ACCOUNT_EXISTS: an account is named {name!r} already")
        if not name or not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
            raise HttpError(HTTPStatus.BAD_REQUEST, f"INVALID_ACCOUNT_NAME: {name!r}")
        if not is_org and not password:
            raise HttpError(HTTPStatus.BAD_REQUEST, "INVALID_PASSWORD: a user needs a password")
        self._all[name] = {
            "id": str(uuid.uuid4()),
            "name": name,
            "fullName": "",
            "isOrg": is_org,
            "isAdmin": is_admin and not is_org,
            "isActive": True,
            "passwordHash": "" if is_org else hash_password(str(password)),
        }
        self._store.save()
        return self.get(name)

    def delete(self, name: str) -> None:
        """Leave the state without the account, its teams and its memberships."""
        self.get(name)
        del self._all[name]
        self._teams.pop(name, None)
        for teams in self._teams.values():
            for team in teams.values():
                team["members"].pop(name, None)
        self._store.save()

    def password_hash(self, name: str) -> str:
        """Return the stored hash of an active user; empty when nobody can log in under the name."""
        account = self._all.get(name, {})
        return str(account.get("passwordHash", "")) if account.get("isActive") else ""

    def set_password(self, name: str, password: str) -> None:
        """Leave the user with another password."""
        if self.get(name)["isOrg"] or not password:
            raise HttpError(HTTPStatus.BAD_REQUEST, "INVALID_PASSWORD: a user needs a password")
        self._all[name]["passwordHash"] = hash_password(password)
        self._store.save()

    def teams(self, org: str) -> list[dict[str, Any]]:
        """Return the teams of an organization as the API shows them."""
        self._organization(org)
        return [self._shown(org, team) for team in sorted(self._teams.get(org, {}))]

    def team(self, org: str, team: str) -> dict[str, Any]:
        """Return one team as the API shows it."""
        self._stored_team(org, team)
        return self._shown(org, team)

    def create_team(self, org: str, team: str, description: str) -> dict[str, Any]:
        """Leave the organization with one team more."""
        self._organization(org)
        teams = self._teams.setdefault(org, {})
        if team in teams or not team:
            raise HttpError(HTTPStatus.BAD_REQUEST, f"TEAM_EXISTS: {org!r} has a team {team!r} already")
        teams[team] = {"id": str(uuid.uuid4()), "description": description, "members": {}}
        self._store.save()
        return self._shown(org, team)

    def members(self, org: str, team: str) -> list[dict[str, Any]]:
        """Return the members of a team as the API shows them."""
        names = sorted(self._stored_team(org, team)["members"])
        return [self.membership(org, team, name) for name in names]

    def membership(self, org: str, team: str, user: str) -> dict[str, Any]:
        """Return one member of a team as the API shows it."""
        members = self._stored_team(org, team)["members"]
        if user not in members:
            raise HttpError(HTTPStatus.NOT_FOUND, f"NO_SUCH_MEMBER: {user!r} is not in {org}/{team}")
        return {"member": self.get(user), "isAdmin": members[user]}

    def set_member(self, org: str, team: str, user: str, *, is_admin: bool) -> dict[str, Any]:
        """Leave the team with this user in it."""
        if self.get(user)["isOrg"]:
            raise HttpError(HTTPStatus.BAD_REQUEST, f"NO_SUCH_USER: {user!r} is an organization")
        self._stored_team(org, team)["members"][user] = is_admin
        self._store.save()
        return self.membership(org, team, user)

    def remove_member(self, org: str, team: str, user: str) -> None:
        """Leave the team without this user."""
        self._stored_team(org, team)["members"].pop(user, None)
        self._store.save()

    def teams_of(self, org: str, user: str) -> list[dict[str, Any]]:
        """Return the teams of an organization that the user is in."""
        self._organization(org)
        teams = self._teams.get(org, {})
        held = [name for name in sorted(teams) if user in teams[name]["members"]]
        return [{"team": self._shown(org, t), "isAdmin": teams[t]["members"][user]} for t in held]

    def _organization(self, org: str) -> None:
        if not self.get(org)["isOrg"]:
            raise HttpError(HTTPStatus.NOT_FOUND, f"NO_SUCH_ACCOUNT: {org!r} is not an organization")

    def _stored_team(self, org: str, team: str) -> dict[str, Any]:
        self._organization(org)
        stored: dict[str, Any] | None = self._teams.get(org, {}).get(team)
        if stored is None:
            raise HttpError(HTTPStatus.NOT_FOUND, f"NO_SUCH_TEAM: {org!r} has no team {team!r}")
        return stored

    def _shown(self, org: str, team: str) -> dict[str, Any]:
        stored = self._stored_team(org, team)
        return {
            "id": stored["id"],
            "name": team,
            "orgID": self.get(org)["id"],
            "description": stored["description"],
            "membersCount": len(stored["members"]),
        }
