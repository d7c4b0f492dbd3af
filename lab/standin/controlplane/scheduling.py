"""Where a new container goes: constraints, the administrators' setting, names that are taken."""

import asyncio
import random
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from controlplane.cluster import Cluster
from controlplane.config_toml import Configuration
from controlplane.engines import Node
from controlplane.routing import nodes_with_container_name
from controlplane.wire import Answer, HttpError, parse_json

CONSTRAINT = re.compile(r"^node(==|!=)(.+)$")
ENV_PREFIX = "constraint:"
LABEL = "com.docker.swarm.constraints"
CREATE_SECONDS = 120.0
NO_NODE = "could not find any nodes on which the container could be created"


def take_constraints(body: dict[str, Any]) -> list[str]:
    """Remove the constraints from a create request and return them."""
    env = list(body.get("Env") or [])
    taken = [entry.removeprefix(ENV_PREFIX) for entry in env if entry.startswith(ENV_PREFIX)]
    body["Env"] = [entry for entry in env if not entry.startswith(ENV_PREFIX)]
    if label := (body.get("Labels") or {}).get(LABEL):
        taken += parse_json(label, LABEL)
    return taken


def fulfilling(nodes: Sequence[Node], constraints: Sequence[str]) -> list[Node]:
    """Return the nodes on which a container with these constraints may run."""
    fitting = list(nodes)
    for constraint in constraints:
        match = CONSTRAINT.match(constraint.replace(" ", ""))
        if match is None:
            raise HttpError(HTTPStatus.INTERNAL_SERVER_ERROR, f"unsupported constraint {constraint!r}")
        wanted = match[1] == "=="
        fitting = [node for node in fitting if (node.name == match[2]) == wanted]
    if not fitting:
        conditions = " ".join(constraints)
        raise HttpError(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            f"Unable to find a node that satisfies the following conditions [{conditions}]",
        )
    return fitting


def allowed(nodes: Sequence[Node], name: str, held: Mapping[str, Sequence[str]]) -> list[Node]:
    """Return the nodes that are left with the administrators' setting off.

    `held` maps each node to the names of its containers. The registry's own containers are refused
    anywhere: install and backup fail in this state.
    """
    if name.startswith("dtr-"):
        return []
    return [
        node
        for node in nodes
        if not node.is_manager and not any(held_name.startswith("dtr-") for held_name in held[node.name])
    ]


class Scheduler:
    """Creates containers."""

    def __init__(self, cluster: Cluster, configuration: Configuration) -> None:
        self._cluster = cluster
        self._configuration = configuration
        self._one_at_a_time = asyncio.Lock()

    async def create(self, prefix: str, name: str, query: str, body: dict[str, Any]) -> Answer:
        """Create the container on the node that fits, under a name that no node holds."""
        constraints = take_constraints(body)
        async with self._one_at_a_time:
            node = await self._choose(name, constraints)
            if name:
                await self.refuse_taken(name)
            target = f"{prefix}/containers/create{query}"
            return await self._cluster.engines.call(node, "POST", target, body=body, seconds=CREATE_SECONDS)

    async def _choose(self, name: str, constraints: Sequence[str]) -> Node:
        held = await self._held()
        fitting = fulfilling([node for node in await self._cluster.nodes() if node.name in held], constraints)
        if not self._configuration.admins_may_deploy_anywhere:
            fitting = allowed(fitting, name, held)
        if not fitting:
            raise HttpError(HTTPStatus.INTERNAL_SERVER_ERROR, NO_NODE)
        least = min(len(held[node.name]) for node in fitting)
        return random.choice([node for node in fitting if len(held[node.name]) == least])

    async def _held(self) -> dict[str, list[str]]:
        async def ask(node: Node) -> list[str]:
            seen = await self._cluster.engines.value(node, "/containers/json?all=1")
            return [name.removeprefix("/") for container in seen for name in container["Names"]]

        return {node.name: names for node, names in await self._cluster.ask_all(ask)}

    async def refuse_taken(self, name: str) -> None:
        """Answer 409 when a container of any node has this name."""
        if await nodes_with_container_name(self._cluster, name):
            raise HttpError(
                HTTPStatus.CONFLICT,
                f"Conflict: The name {name} is already assigned. You have to delete (or rename) "
                f"that container to be able to assign {name} to a container again.",
            )
