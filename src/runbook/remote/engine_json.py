"""The engine's JSON, as values."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from runbook.remote.transport import ContainerSeen

_FRACTION = re.compile(r"\.(\d{1,6})\d*")


def parse_inspected(node: str, container: Mapping[str, Any]) -> ContainerSeen:
    """Return the container that `docker inspect` describes."""
    config = container["Config"]
    return ContainerSeen(
        node=node,
        name=container["Name"].lstrip("/"),
        state=container["State"]["Status"],
        image=config["Image"],
        labels=config.get("Labels") or {},
        created=parse_time(container["Created"]),
    )


def parse_list(listed: Iterable[Mapping[str, Any]]) -> tuple[ContainerSeen, ...]:
    """Return the containers of the control plane's list; one that is being removed has no name any more."""
    return tuple(_parse_listed(container) for container in listed if container.get("Names"))


def _parse_listed(container: Mapping[str, Any]) -> ContainerSeen:
    """Return a container of the list, whose names begin with the node's."""
    node, _, name = container["Names"][0].lstrip("/").partition("/")
    return ContainerSeen(
        node=node,
        name=name,
        state=container["State"],
        image=container["Image"],
        labels=container.get("Labels") or {},
        created=datetime.fromtimestamp(container["Created"], UTC),
    )


def parse_time(text: str) -> datetime:
    """Return the moment that the engine spells with nanoseconds."""
    return datetime.fromisoformat(_FRACTION.sub(lambda match: f".{match[1]}", text))
