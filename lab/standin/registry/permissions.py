"""Who may do what with a repository."""

from dataclasses import dataclass, field

from registry.control_plane import Accounts
from registry.tables import JsonRow, Tables

LEVELS = ("read-only", "read-write", "admin")
_ACTIONS = {"read-only": {"pull"}, "read-write": {"pull", "push"}, "admin": {"pull", "push", "*", "delete"}}


@dataclass(frozen=True)
class Principal:
    """Somebody whose credentials were checked."""

    name: str
    is_admin: bool
    token: str = field(default="", repr=False)


ANONYMOUS = Principal("", is_admin=False)


def actions_of(level: str | None) -> set[str]:
    """Return the token actions that an access level allows."""
    return _ACTIONS[level] if level else set()


def covers(level: str | None, wanted: str) -> bool:
    """Tell whether a level is at least the wanted one."""
    return level is not None and LEVELS.index(level) >= LEVELS.index(wanted)


def highest(levels: list[str]) -> str | None:
    """Return the strongest of some levels."""
    return max(levels, key=LEVELS.index) if levels else None


async def level(tables: Tables, accounts: Accounts, principal: Principal, repository: JsonRow) -> str | None:
    """Return the access that somebody has to a repository, None for none."""
    namespace = repository["namespace"]
    if principal.is_admin or principal.name == namespace:
        return "admin"
    levels = ["read-only"] if repository["visibility"] == "public" else []
    if principal.token:
        levels += await _team_levels(tables, accounts, principal, repository)
    return highest(levels)


async def _team_levels(
    tables: Tables, accounts: Accounts, principal: Principal, repository: JsonRow
) -> list[str]:
    granted = [row async for row in tables.rows("repository_team_access", f"{repository['pk']}/")]
    granted += [row async for row in tables.rows("namespace_team_access", f"{repository['namespace']}/")]
    if not granted:
        return []
    teams = await accounts.teams_of(principal.token, repository["namespace"], principal.name)
    return [row["accessLevel"] for row in granted if row["team"] in teams]


async def owns(accounts: Accounts, principal: Principal, namespace: str) -> bool:
    """Tell whether somebody may create repositories in a namespace that exists."""
    if not (principal.is_admin or principal.name == namespace):
        return False
    return principal.token == "" or await accounts.account(principal.token, namespace) is not None
