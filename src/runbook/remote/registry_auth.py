"""The registry's token dance: 401 with a challenge, a token from its realm, the request again.

Tokens are kept per scope, so that it happens once for a push or pull and not once for each request.
"""

import re
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from runbook.domain.errors import RefusedError
from runbook.remote.registry_http import address_of, http_errors, refuse_bad_answer

_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


class TokenAuth:
    """Sends requests with the token for their scope."""

    def __init__(self, http: httpx.Client, user: str, password: SecretStr) -> None:
        """Ask for tokens as `user`."""
        self._http, self._user, self._password = http, user, password
        self._tokens: dict[str, str] = {}

    def send(self, request: httpx.Request, scope: str) -> httpx.Response:
        """Return the answer, its body unread; the token is fetched when it is missing or has ended."""
        where = address_of(request)
        response = self._attempt(request, scope, where)
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            with http_errors(where):
                response.read()
            challenge = response.headers.get("www-authenticate", "")
            if challenge.lower().startswith("bearer "):
                self._tokens[scope] = self._fetch(dict(_PARAMETER.findall(challenge)), scope)
                response = self._attempt(request, scope, where)
        return response

    def _attempt(self, request: httpx.Request, scope: str, where: str) -> httpx.Response:
        if scope in self._tokens:
            request.headers["Authorization"] = f"Bearer {self._tokens[scope]}"
        with http_errors(where):
            return self._http.send(request, stream=True, follow_redirects=True)

    def _fetch(self, challenge: dict[str, str], scope: str) -> str:
        realm = challenge.get("realm", "")
        if urlsplit(realm).scheme != "https":
            what = f"it asks for the password at {realm or 'nowhere'}, which is not HTTPS"
            raise RefusedError(str(self._http.base_url), what, "correct the registry's external URL")
        query = {"service": challenge.get("service", ""), "scope": scope, "account": self._user}
        with http_errors(realm):
            response = self._http.get(
                realm, params=query, auth=(self._user, self._password.get_secret_value())
            )
        refuse_bad_answer(realm, response)
        try:
            answer = response.json()
            return str(answer.get("token") or answer["access_token"])
        except (ValueError, KeyError, AttributeError) as exc:
            raise RefusedError(
                realm, "it answered without a token", "see that the registry is healthy"
            ) from exc
