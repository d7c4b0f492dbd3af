"""The control plane as the bootstrapper uses it: nodes, containers, volumes and networks."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import aiohttp

from registry.bootstrapper.console import FatalError
from registry.control_plane import Connection

_TIMEOUT = aiohttp.ClientTimeout(total=120)


class UcpError(FatalError):
    """The control plane refused a request."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f'Error response from daemon: {{"message":"{message}"}}')
        self.status = status
        self.message = message


@dataclass(frozen=True)
class Node:
    """A node of the UCP cluster."""

    name: str
    address: str
    is_manager: bool
    is_ready: bool


@dataclass(frozen=True)
class Container:
    """A container on some node."""

    id: str
    node: str
    name: str
    state: str
    labels: dict[str, str] = field(default_factory=dict)
    ports: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Volume:
    """A volume on some node."""

    node: str
    name: str


class Ucp:
    """Requests to the control plane with an auth token."""

    def __init__(self, session: aiohttp.ClientSession, connection: Connection, token: str) -> None:
        self._session = session
        self.connection = connection
        self.token = token
        self._tls = connection.tls()

    async def request(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """Return the answer to a request, or raise what the control plane says."""
        headers = {"Authorization": f"Bearer {self.token}"}
        try:
            async with self._session.request(
                method, self.connection.url + path, json=body, params=query, headers=headers, ssl=self._tls,
                timeout=_TIMEOUT,
            ) as answer:  # fmt: skip
                if answer.status >= HTTPStatus.BAD_REQUEST:
                    raise UcpError(answer.status, await _message(answer))
                is_json = answer.content_type == "application/json"
                return await answer.json() if is_json else await answer.text()
        except (aiohttp.ClientError, TimeoutError) as exc:
            raise FatalError(
                f"Failed to reach UCP at {self.connection.url}: {str(exc) or type(exc).__name__}"
            ) from exc

    async def nodes(self) -> list[Node]:
        """Return the nodes of the cluster, by name."""
        found = [_node(item) for item in await self.request("GET", "/nodes")]
        return sorted(found, key=lambda node: node.name)

    async def containers(self) -> list[Container]:
        """Return the containers on every reachable node."""
        items = await self.request("GET", "/containers/json", all="1")
        return [_container(item) for item in items]

    async def create_container(self, name: str, node: str, config: dict[str, Any]) -> str:
        """Return the ID of a new container on the node."""
        placed = config | {"Env": [*config.get("Env", []), f"constraint:node=={node}"]}
        created = await self.request("POST", "/containers/create", placed, name=name)
        return str(created["Id"])

    async def start(self, container: str) -> None:
        """Start a container."""
        await self.request("POST", f"/containers/{container}/start")

    async def stop(self, container: str, seconds: int) -> None:
        """Stop a container."""
        await self.request("POST", f"/containers/{container}/stop", t=str(seconds))

    async def stop_if_there(self, container: str, seconds: int) -> None:
        """Stop a container that may be gone already."""
        try:
            await self.stop(container, seconds)
        except UcpError as exc:
            if exc.status != HTTPStatus.NOT_FOUND:
                raise

    async def remove(self, container: str) -> None:
        """Leave no such container, running or not."""
        try:
            await self.request("DELETE", f"/containers/{container}", force="1", v="1")
        except UcpError as exc:
            if exc.status != HTTPStatus.NOT_FOUND:
                raise

    async def exit_status(self, container: str) -> int:
        """Return the exit status of a container once it has ended."""
        answer = await self.request("POST", f"/containers/{container}/wait")
        return int(answer["StatusCode"])

    async def volumes(self) -> list[Volume]:
        """Return the volumes on every reachable node."""
        answer = await self.request("GET", "/volumes")
        return [Volume(*item["Name"].split("/", 1)) for item in answer["Volumes"] or []]

    async def create_volume(self, node: str, name: str, options: dict[str, str] | None = None) -> None:
        """Leave the node with this volume; one that exists is kept as it is."""
        body: dict[str, Any] = {"Name": f"{node}/{name}"}
        if options:
            body |= {"Driver": "local", "DriverOpts": options}
        await self.request("POST", "/volumes/create", body)

    async def remove_volume(self, volume: Volume) -> None:
        """Leave the node without this volume."""
        await self.request("DELETE", f"/volumes/{volume.node}/{volume.name}", force="1")

    async def has_network(self, name: str) -> bool:
        """Tell whether the cluster has a network of this name."""
        return any(network["Name"] == name for network in await self.request("GET", "/networks"))

    async def create_network(self, name: str, subnet: str) -> None:
        """Leave the cluster with an attachable overlay network."""
        ipam = {"Config": [{"Subnet": subnet}]}
        body = {"Name": name, "Driver": "overlay", "Attachable": True, "CheckDuplicate": True, "IPAM": ipam}
        await self.request("POST", "/networks/create", body)

    async def connect(self, network: str, container: str) -> None:
        """Leave a container connected to a network."""
        await self.request("POST", f"/networks/{network}/connect", {"Container": container})

    async def config_toml(self) -> str:
        """Return the control plane's configuration."""
        return str(await self.request("GET", "/api/ucp/config-toml"))

    async def put_config_toml(self, text: str) -> None:
        """Leave the control plane with this configuration."""
        url = f"{self.connection.url}/api/ucp/config-toml"
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self._session.put(url, data=text.encode(), headers=headers, ssl=self._tls) as answer:
            if answer.status >= HTTPStatus.BAD_REQUEST:
                raise UcpError(answer.status, await _message(answer))


async def _message(answer: aiohttp.ClientResponse) -> str:
    try:
        return str((await answer.json(content_type=None))["message"])
    except (ValueError, KeyError, TypeError):
        return f"{answer.status} {answer.reason}"


def _node(item: dict[str, Any]) -> Node:
    return Node(
        item["Description"]["Hostname"],
        item["Status"].get("Addr", ""),
        item["Spec"].get("Role") == "manager",
        item["Status"].get("State") == "ready",
    )


def _container(item: dict[str, Any]) -> Container:
    node, _, name = item["Names"][0].lstrip("/").partition("/")
    ports = frozenset(port["PublicPort"] for port in item.get("Ports") or [] if "PublicPort" in port)
    return Container(item["Id"], node, name, item["State"], item.get("Labels") or {}, ports)
