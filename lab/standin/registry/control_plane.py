"""The control plane as the registry's services use it: who somebody is and where they belong."""

import ssl
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp

_TIMEOUT = aiohttp.ClientTimeout(total=10)


class ControlPlaneUnavailableError(Exception):
    """The control plane does not answer."""


@dataclass(frozen=True)
class Connection:
    """How to reach the control plane."""

    url: str
    ca: str
    insecure: bool

    def tls(self) -> ssl.SSLContext:
        """Return the TLS settings that these values ask for."""
        context = ssl.create_default_context(cadata=self.ca or None)
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def to_json(self) -> dict[str, Any]:
        """Return the values as they are stored."""
        return {"url": self.url, "ca": self.ca, "insecure": self.insecure}

    @staticmethod
    def from_json(value: dict[str, Any]) -> "Connection":
        """Return what to_json stored."""
        return Connection(value["url"], value["ca"], value["insecure"])


def normal_url(text: str) -> str:
    """Return the URL with its scheme, which may be left out."""
    bare = text.strip().rstrip("/")
    return bare if "://" in bare else f"https://{bare}"


class Accounts:
    """Asks the control plane about accounts, with the token of the one who asks."""

    def __init__(self, session: aiohttp.ClientSession, connection: Connection) -> None:
        self._session = session
        self._url = connection.url
        self._tls = connection.tls()

    async def login(self, username: str, password: str) -> str | None:
        """Return a token of the control plane, None on a wrong name or password."""
        body = {"username": username, "password": password}
        status, answer = await self._request("POST", "/auth/login", "", body)
        if status == HTTPStatus.UNAUTHORIZED:
            return None
        if status != HTTPStatus.OK:
            raise ControlPlaneUnavailableError(f"{self._url}: login answers {status}")
        return str(answer["auth_token"])

    async def account(self, token: str, name: str) -> dict[str, Any] | None:
        """Return an account, None when it does not exist."""
        status, answer = await self._request("GET", f"/enzi/v0/accounts/{name}", token)
        return answer if status == HTTPStatus.OK else None

    async def teams_of(self, token: str, organization: str, user: str) -> list[str]:
        """Return the names of the organization's teams that the user is in."""
        path = f"/enzi/v0/accounts/{organization}/members/{user}/teams"
        status, answer = await self._request("GET", path, token)
        if status != HTTPStatus.OK:
            return []
        return [str(held["team"]["name"]) for held in answer["memberTeams"]]

    async def _request(
        self, method: str, path: str, token: str, body: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            async with self._session.request(
                method, self._url + path, json=body, headers=headers, ssl=self._tls, timeout=_TIMEOUT
            ) as answer:
                is_json = answer.status < HTTPStatus.BAD_REQUEST
                return answer.status, await answer.json(content_type=None) if is_json else {}
        except (aiohttp.ClientError, TimeoutError) as exc:
            raise ControlPlaneUnavailableError(f"{self._url}: {exc}") from exc
