"""Organisations and teams of the story; they live in the control plane, not in the registry."""

import ssl
from collections.abc import Mapping, Sequence

import httpx

from blocks.secret_references import resolve
from blocks.settings import ClusterSettings

TEAMS: Mapping[str, Sequence[str]] = {"engineering": ("developers", "release"), "platform": ("operators",)}


def ensure_accounts(settings: ClusterSettings) -> None:
    """Leave the control plane with the organisations and teams that own the story's repositories."""
    control_plane = settings.control_plane
    login = {"username": control_plane.user, "password": resolve(control_plane.password).get_secret_value()}
    trust = ssl.create_default_context(cafile=control_plane.ca_file)
    with httpx.Client(base_url=control_plane.url, verify=trust, trust_env=False) as http:
        token = http.post("/auth/login", json=login).raise_for_status().json()["auth_token"]
        http.headers["Authorization"] = f"Bearer {token}"
        for organisation, teams in TEAMS.items():
            _create(http, "/enzi/v0/accounts", {"name": organisation, "isOrg": True})
            for team in teams:
                _create(http, f"/enzi/v0/accounts/{organisation}/teams", {"name": team})


def _create(http: httpx.Client, path: str, body: Mapping[str, object]) -> None:
    """Create what may be there already."""
    name = f"{path}/{body['name']}"
    if http.get(name).status_code == httpx.codes.NOT_FOUND:
        http.post(path, json=body).raise_for_status()
