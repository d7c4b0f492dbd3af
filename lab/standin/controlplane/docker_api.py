"""The Docker-compatible API of the whole cluster."""

from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from controlplane import VERSION, aggregate
from controlplane.cluster import Cluster
from controlplane.engines import Node, checked
from controlplane.proxy import forward
from controlplane.routing import (
    Place,
    place_of_container,
    place_of_exec,
    place_of_volume,
    split_container_path,
)
from controlplane.scheduling import Scheduler
from controlplane.tls import TlsStream
from controlplane.wire import Answer, HttpError, Request, parse_json, read_body

NOT_OFFERED = (("POST", "/containers/prune"), ("POST", "/volumes/prune"))


class DockerApi:
    """Answers a request itself, or passes it on to the engine that it is for."""

    def __init__(self, cluster: Cluster, scheduler: Scheduler, cluster_id: str) -> None:
        self._cluster = cluster
        self._scheduler = scheduler
        self._cluster_id = cluster_id

    async def serve(self, request: Request, client: TlsStream) -> Answer | None:
        """Return an answer; None when the engine has given it already."""
        if (request.method, request.path) in NOT_OFFERED:
            raise HttpError(HTTPStatus.NOT_IMPLEMENTED, f"the stand-in does not offer {request.path}")
        if answer := await self._of_the_cluster(request, client):
            return answer
        kind, _, rest = request.path.removeprefix("/").partition("/")
        match kind:
            case "containers":
                return await self._container(request, client, rest)
            case "exec":
                await self._exec(request, client, rest)
            case "volumes":
                await self._volume(request, client, rest)
            case _:
                await self._pass(await self._cluster.manager(), request, client, request.path)
        return None

    async def ping(self) -> Answer:
        """Answer as healthy as the manager's engine is."""
        answer = await self._cluster.engines.call(self._cluster.bootstrap, "GET", "/_ping")
        version = await self._cluster.engines.value(self._cluster.bootstrap, "/version")
        headers = (
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Api-Version", str(version["ApiVersion"])),
            ("Ostype", str(version["Os"])),
        )
        return Answer(answer.status, answer.body, headers)

    async def _of_the_cluster(self, request: Request, client: TlsStream) -> Answer | None:
        if request.method == "POST":
            return await self._placed(request, client)
        match request.method, request.path:
            case "GET", "/containers/json":
                return await aggregate.containers(self._cluster, request)
            case "GET", "/volumes":
                return await aggregate.volumes(self._cluster, request)
            case "GET", "/info":
                return await aggregate.info(self._cluster, request, self._cluster_id)
            case "GET", "/version":
                return await self._version(request)
        return None

    async def _placed(self, request: Request, client: TlsStream) -> Answer | None:
        """Serve the requests whose body tells which node they are for."""
        if request.path == "/containers/create":
            return await self._create_container(request, await json_body(request, client))
        if request.path == "/volumes/create":
            return await self._create_volume(request, await json_body(request, client))
        if request.path.startswith("/networks/") and request.path.endswith(("/connect", "/disconnect")):
            return await self._attach_network(request, await json_body(request, client))
        return None

    async def _version(self, request: Request) -> Answer:
        version = await self._cluster.engines.value(
            await self._cluster.manager(), f"{request.prefix}/version"
        )
        component = {
            "Name": "Control plane stand-in",
            "Version": f"ucp/{VERSION}",
            "Details": {"Note": "a lab stand-in, not UCP or MKE itself", "ApiVersion": version["ApiVersion"]},
        }
        version["Platform"] = {"Name": "Control plane stand-in (lab; not UCP or MKE itself)"}
        version["Components"] = [component, *version.get("Components", [])]
        return Answer.json({**version, "Version": f"ucp/{VERSION}"})

    async def _create_container(self, request: Request, body: dict[str, Any]) -> Answer:
        query = f"?{urlencode(request.query, doseq=True)}" if request.query else ""
        return await self._scheduler.create(request.prefix, request.first("name"), query, body)

    async def _create_volume(self, request: Request, body: dict[str, Any]) -> Answer:
        node_name, slash, name = str(body.get("Name", "")).rpartition("/")
        node = await self._cluster.find(node_name) if slash else await self._cluster.manager()
        if node is None:
            raise HttpError(HTTPStatus.INTERNAL_SERVER_ERROR, f"No such node: {node_name}")
        target = f"{request.prefix}/volumes/create"
        answer = checked(await self._cluster.engines.call(node, "POST", target, body={**body, "Name": name}))
        volume = answer.value()
        return Answer.json({**volume, "Name": f"{node.name}/{volume['Name']}"}, answer.status)

    async def _attach_network(self, request: Request, body: dict[str, Any]) -> Answer:
        """Connect or disconnect on the node that holds the container."""
        place = await place_of_container(self._cluster, str(body.get("Container", "")))
        body["Container"] = place.ref
        target = request.target(request.path)
        return await self._cluster.engines.call(place.node, "POST", target, body=body)

    async def _container(self, request: Request, client: TlsStream, rest: str) -> Answer | None:
        ref, action = split_container_path(rest)
        place = await place_of_container(self._cluster, ref)
        path = f"/containers/{place.ref}" + (f"/{action}" if action else "")
        if (request.method, action) == ("GET", "json"):
            return await self._inspect(place, request.target(path))
        if action == "rename":
            await self._scheduler.refuse_taken(request.first("name"))
        await self._pass(place.node, request, client, path)
        return None

    async def _inspect(self, place: Place, target: str) -> Answer:
        node = place.node
        found = await self._cluster.engines.value(node, target)
        seen = {"Name": node.name, "IP": node.address, "Addr": f"{node.address}:12376"}
        return Answer.json({**found, "Node": seen})

    async def _exec(self, request: Request, client: TlsStream, rest: str) -> None:
        ref, _, action = rest.partition("/")
        place = await place_of_exec(self._cluster, ref)
        await self._pass(place.node, request, client, f"/exec/{ref}/{action}")

    async def _volume(self, request: Request, client: TlsStream, rest: str) -> None:
        place = await place_of_volume(self._cluster, rest)
        await self._pass(place.node, request, client, f"/volumes/{place.ref}")

    async def _pass(self, node: Node, request: Request, client: TlsStream, path: str) -> None:
        await forward(self._cluster.engines, node, request, request.target(path), client)


async def json_body(request: Request, client: TlsStream) -> dict[str, Any]:
    """Return the JSON object that a request carries."""
    value = parse_json(await read_body(client, request.head) or b"{}", "the body")
    if not isinstance(value, dict):
        raise HttpError(HTTPStatus.BAD_REQUEST, "the body is not a JSON object")
    return value
