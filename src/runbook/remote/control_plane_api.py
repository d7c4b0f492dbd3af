"""The control plane's HTTP API: UCP, now called MKE."""

import logging
import ssl
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from runbook.domain.commands import ControlPlaneFlags
from runbook.domain.errors import (
    InvalidConfigError,
    MismatchError,
    RefusedError,
    RunbookError,
    UnreachableError,
)
from runbook.domain.versions import Version, parse_version

logger = logging.getLogger(__name__)
_MOST_KEYS = 65_000  # all of them in one answer
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)


@dataclass(frozen=True)
class ControlPlaneAccess:
    """Where the control plane is and who asks; without a CA its certificate is not verified."""

    url: str
    user: str
    password: SecretStr
    ca_pem: str | None

    @property
    def flags(self) -> ControlPlaneFlags:
        """Everything but the password, for the bootstrapper's arguments."""
        return ControlPlaneFlags(self.url, self.user, self.ca_pem)


@dataclass(frozen=True)
class ControlPlaneNode:
    """A node as the control plane knows it; the words are the engine's (`ready`, `active`, `manager`)."""

    name: str
    role: str
    state: str
    availability: str
    address: str


@dataclass(frozen=True)
class TrustedRegistry:
    """A registry that the control plane trusts."""

    host: str
    service_id: str
    ca_pem: str | None


class ControlPlane:
    """A client that logs in when it first needs to, and again when its session has ended."""

    def __init__(self, url: str, user: str, password: SecretStr, ca_pem: str | None) -> None:
        self.access = ControlPlaneAccess(url.rstrip("/"), user, password, ca_pem)
        self._token: str | None = None
        self._http = httpx.Client(
            base_url=self.access.url,
            verify=_trust(self.access),
            timeout=_TIMEOUT,
            trust_env=False,  # a proxy or CA of this machine's environment is not meant for the cluster
        )

    @property
    def where(self) -> str:
        """Its name in messages."""
        return f"control plane {self.access.url}"

    def login(self) -> None:
        """Leave this client with a session; RefusedError when user or password is wrong."""
        self._token = None
        body = {"username": self.access.user, "password": self.access.password.get_secret_value()}
        response = self._send("POST", "/auth/login", json=body)
        if response.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise RefusedError(
                self.where,
                f"wrong user or password (it answered {response.status_code} to {self.access.user})",
                "correct the control plane's user or the secret that the cluster file names, then rerun",
            )
        self._check(response)
        self._token = str(self._json(response)["auth_token"])

    def cluster_id(self) -> str:
        """Return what tells this cluster from every other."""
        return str(self._get_json("/info")["ID"])

    def version(self) -> Version:
        """Return the version that runs; MismatchError where its answer names none."""
        text = str(self._get_json("/version").get("Version"))
        try:
            return parse_version(text.rpartition("/")[2])
        except ValueError as error:
            next_step = "name it in the cluster file: control_plane.backup.version"
            raise MismatchError(self.where, f"it calls its version {text!r}", next_step) from error

    def nodes(self) -> tuple[ControlPlaneNode, ...]:
        """Return every node of the cluster, by name."""
        nodes = (_parse_node(node) for node in self._get_json("/nodes"))
        return tuple(sorted(nodes, key=lambda node: node.name))

    def registries(self) -> tuple[TrustedRegistry, ...]:
        """Return the registries that the control plane trusts."""
        return tuple(_parse_registry(entry) for entry in self._configuration().get("registries", []))

    def admins_may_deploy_anywhere(self) -> bool | None:
        """Tell whether administrators may run containers on registry nodes; None where it is not set."""
        scheduling = self._configuration().get("scheduling_configuration", {})
        allowed = scheduling.get("enable_admin_ucp_scheduling")
        return None if allowed is None else bool(allowed)

    def _configuration(self) -> dict[str, Any]:
        text = self._get("/api/ucp/config-toml").text
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise MismatchError(
                self.where, f"its configuration is not TOML: {error}", "see its log, then rerun"
            ) from error

    def registry_ca(self, host: str) -> str | None:
        """Return the CA (PEM) of the registry at `host`, as far as the control plane knows it."""
        return next((registry.ca_pem for registry in self.registries() if registry.host == host), None)

    def client_bundle(self) -> bytes:
        """Return a new client bundle, a zip that authorises its owner; keep it secret."""
        return self._get("/api/clientbundle").content

    def public_keys(self) -> dict[str, str]:
        """Return the keys of the user's client bundles (PEM), by the id under which each can be deleted."""
        answer = self._get_json(f"{self._keys_path}?limit={_MOST_KEYS}")
        try:
            entries = answer["accountPublicKeys"] or ()
            return {str(entry["id"]): str(entry["publicKey"]) for entry in entries}
        except (KeyError, TypeError) as error:
            raise MismatchError(
                self.where, f"its list of public keys has another shape: {error!r}", "report this"
            ) from error

    def delete_public_key(self, identifier: str) -> None:
        """Leave the user without this key: a client bundle with it opens nothing any more."""
        self._ask("DELETE", f"{self._keys_path}/{quote(identifier, safe='')}")

    def close(self) -> None:
        """End the session and close the connections."""
        try:
            self._log_out()
        finally:
            self._http.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def _log_out(self) -> None:
        """End the session; where that fails, the control plane ends it by its own time."""
        if self._token is None:
            return
        try:
            response = self._send("POST", "/id/logout")
        except RunbookError as error:
            logger.warning("%s: %s; the session ends by its own time", error.where, error.what)
            return
        if not response.is_success:
            logger.warning("%s: /id/logout answered %s", self.where, response.status_code)

    @property
    def _keys_path(self) -> str:
        return f"/accounts/{quote(self.access.user, safe='')}/publicKeys"

    def _get(self, path: str) -> httpx.Response:
        return self._ask("GET", path)

    def _ask(self, method: str, path: str) -> httpx.Response:
        if self._token is None:
            self.login()
        response = self._send(method, path)
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            self.login()
            response = self._send(method, path)
        self._check(response)
        return response

    def _get_json(self, path: str) -> Any:
        return self._json(self._get(path))

    def _json(self, response: httpx.Response) -> Any:
        try:
            return response.json()
        except ValueError as error:
            raise MismatchError(
                self.where,
                f"{response.request.url.path} answers something else than JSON",
                "see that the URL is the control plane's and no proxy stands in between, then rerun",
            ) from error

    def _send(self, method: str, path: str, json: Mapping[str, str] | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        try:
            return self._http.request(method, path, json=json, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _explain(self.where, error) from error

    def _check(self, response: httpx.Response) -> None:
        if response.is_success:
            return
        what = f"{response.request.url.path} answered {response.status_code}: {_first_line(response)}"
        if response.is_server_error:
            raise UnreachableError(self.where, what, "see that the control plane is healthy, then rerun")
        raise RefusedError(self.where, what, "see that its user is an administrator, then rerun")


def _trust(access: ControlPlaneAccess) -> ssl.SSLContext | bool:
    if access.ca_pem is None:
        return False
    try:
        return ssl.create_default_context(cadata=access.ca_pem)
    except ssl.SSLError as error:
        raise InvalidConfigError(
            f"control plane {access.url}",
            "its CA is not a certificate in PEM",
            "fetch it from https://<control plane>/ca and check its fingerprint",
        ) from error


def _explain(where: str, error: Exception) -> RunbookError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return RefusedError(
                where,
                f"its certificate is not trusted: {cause.reason or cause}",
                "give its own CA (https://<control plane>/ca) and the name that its certificate holds, then rerun",
            )
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return RefusedError(where, f"its URL is not one: {error}", "correct it in the cluster file")
    words = "no answer in time" if isinstance(error, httpx.TimeoutException) else str(error)
    return UnreachableError(
        where, f"no answer: {words}", "see that it runs and is reachable from here, then rerun"
    )


def _first_line(response: httpx.Response) -> str:
    return next(iter(response.text.strip().splitlines()), response.reason_phrase)[:200]


def _parse_node(node: Mapping[str, Any]) -> ControlPlaneNode:
    manager = node.get("ManagerStatus") or {}
    address = node["Status"].get("Addr", "")
    if address in ("", "0.0.0.0", "127.0.0.1"):  # what a manager may say of itself
        address = str(manager.get("Addr", "")).rpartition(":")[0]
    return ControlPlaneNode(
        name=node["Description"]["Hostname"],
        role=node["Spec"]["Role"],
        state=node["Status"]["State"],
        availability=node["Spec"]["Availability"],
        address=address,
    )


def _parse_registry(entry: Mapping[str, str]) -> TrustedRegistry:
    return TrustedRegistry(
        entry.get("host_address", ""), entry.get("service_id", ""), entry.get("ca_bundle") or None
    )
