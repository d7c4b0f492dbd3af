"""The HTTP API of the accounts, ``/enzi/v0/accounts``."""

from http import HTTPStatus
from typing import Any

from controlplane.accounts import Account, Accounts
from controlplane.wire import Answer, HttpError

PREFIX = "/enzi/v0/accounts"
Body = dict[str, Any]


class AccountsApi:
    """Reading for every account; changing for administrators and, its own password, for a user."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def serve(self, method: str, path: str, body: Body, who: Account) -> Answer:
        """Answer a request under the prefix."""
        parts = [part for part in path.removeprefix(PREFIX).split("/") if part]
        own_password = method == "POST" and parts == [who["name"], "changePassword"]
        if method != "GET" and not who["isAdmin"] and not own_password:
            raise HttpError(HTTPStatus.FORBIDDEN, "NOT_AUTHORIZED: this needs an administrator")
        return self._dispatch(method, parts, body)

    def _dispatch(self, method: str, parts: list[str], body: Body) -> Answer:
        match method, parts:
            case "GET", []:
                return Answer.json(
                    {"accounts": [self._accounts.get(name) for name in self._accounts.names()]}
                )
            case "POST", []:
                return self._create(body)
            case "GET", [name]:
                return Answer.json(self._accounts.get(name))
            case "DELETE", [name]:
                self._accounts.delete(name)
                return Answer(HTTPStatus.NO_CONTENT)
            case "POST", [name, "changePassword"]:
                self._accounts.set_password(name, str(body.get("newPassword", "")))
                return Answer.json(self._accounts.get(name))
        return self._dispatch_teams(method, parts, body)

    def _dispatch_teams(self, method: str, parts: list[str], body: Body) -> Answer:
        accounts = self._accounts
        match method, parts:
            case "GET", [org, "teams"]:
                return Answer.json({"teams": accounts.teams(org)})
            case "POST", [org, "teams"]:
                team = accounts.create_team(org, str(body.get("name", "")), str(body.get("description", "")))
                return Answer.json(team, HTTPStatus.CREATED)
            case "GET", [org, "teams", team]:
                return Answer.json(accounts.team(org, team))
        return self._dispatch_members(method, parts, body)

    def _dispatch_members(self, method: str, parts: list[str], body: Body) -> Answer:
        accounts = self._accounts
        match method, parts:
            case "GET", [org, "teams", team, "members"]:
                return Answer.json({"members": accounts.members(org, team)})
            case "GET", [org, "teams", team, "members", user]:
                return Answer.json(accounts.membership(org, team, user))
            case "PUT", [org, "teams", team, "members", user]:
                is_admin = bool(body.get("isAdmin", False))
                return Answer.json(accounts.set_member(org, team, user, is_admin=is_admin))
            case "DELETE", [org, "teams", team, "members", user]:
                accounts.remove_member(org, team, user)
                return Answer(HTTPStatus.NO_CONTENT)
            case "GET", [org, "members", user, "teams"]:
                return Answer.json({"memberTeams": accounts.teams_of(org, user)})
        raise HttpError(HTTPStatus.NOT_FOUND, "NO_SUCH_RESOURCE: the accounts API has no such path")

    def _create(self, body: Body) -> Answer:
        account = self._accounts.create(
            str(body.get("name", "")),
            body.get("password"),
            is_org=bool(body.get("isOrg", False)),
            is_admin=bool(body.get("isAdmin", False)),
        )
        return Answer.json(account, HTTPStatus.CREATED)
