"""What the parts of a cluster file must agree on, judged in the document as it was written.

What is invalid by itself cannot be compared: it is left to the validation of its field.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from blocks.copies import copies_disagree
from blocks.external_url import HTTPS, host_and_port
from blocks.install_agreement import install_disagrees
from blocks.load_balancer import BALANCERS
from blocks.problems import Path, Problem, path_text
from blocks.site_mistakes import site_mistakes
from runbook.domain.load_balancer import HTTP_PORT
from runbook.domain.topology import NodeRole, why_not_count
from runbook.remote.haproxy_config import STATS_PORT

_BALANCERS = [("load_balancer", kind) for kind in BALANCERS]
_HAPROXY = ("load_balancer", "haproxy")
_BUCKETS_ALONE = {
    "object_lock": "cannot lock its files",
    "credentials": "takes no keys",
    "server_side_encryption": "encrypts nothing by itself",
}
Machine = tuple[Path, Mapping[str, Any]]


def disagreements(document: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield every contradiction between two parts of the document."""
    listed = document.get("nodes")
    entries = listed if isinstance(listed, list) else []
    nodes: list[Machine] = [
        (("nodes", i), node) for i, node in enumerate(entries) if isinstance(node, Mapping)
    ]
    balancers = [(path, found) for path in _BALANCERS if isinstance(found := _at(document, *path), Mapping)]
    machines = [*nodes, *balancers]
    yield from site_mistakes(document)
    yield from _given_twice(machines, "name")
    yield from _given_twice(nodes, "address")
    yield from _roles(nodes, document.get("replicas"))
    yield from _ports(document)
    yield from install_disagrees(document)
    yield from copies_disagree(document.get("vault"))
    yield from _of_buckets(document)
    yield from _storage(nodes, document)
    yield from _instances(nodes, document)


def _given_twice(machines: Sequence[Machine], key: str) -> Iterator[Problem]:
    first: dict[str, Path] = {}
    for path, machine in machines:
        value = machine.get(key)
        if not isinstance(value, str) or not value:
            continue
        if value in first:
            yield Problem((*path, key), f"{value} is the {key} of {path_text(first[value])} too")
        first.setdefault(value, path)


def _roles(nodes: Sequence[Machine], replicas: Any) -> Iterator[Problem]:
    roles = [node.get("role") for _, node in nodes]
    if not roles or not all(isinstance(role, str) and role in set(NodeRole) for role in roles):
        return
    if NodeRole.MANAGER not in roles:
        yield Problem(("nodes",), "no node has the role manager")
    count = roles.count(NodeRole.REGISTRY)
    if isinstance(replicas, int) and not why_not_count(replicas) and count < replicas:
        what = f"{replicas} are wanted and nodes holds {count} registry nodes"
        yield Problem(("replicas",), what)


def _ports(document: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what would make the load balancer listen twice on one port."""
    place = host_and_port(_at(document, "registry", "external_url"))
    port = place[1] if place else HTTPS
    if port == HTTP_PORT:
        what = f"port {port} is where the load balancer takes plain HTTP; choose another"
        yield Problem(("registry", "external_url"), what)
    if _at(document, *_HAPROXY) is None:
        return
    statistics = _at(document, *_HAPROXY, "stats_port") or STATS_PORT
    if str(statistics) in {str(port), str(HTTP_PORT)}:
        what = f"the load balancer serves the registry on port {statistics}; choose another"
        yield Problem((*_HAPROXY, "stats_port"), what)


def _of_buckets(document: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what only a bucket can do and is wanted of a folder."""
    if not str(_at(document, "vault", "url")).startswith("file:"):
        return
    for key, what in _BUCKETS_ALONE.items():
        if _at(document, "vault", key):
            yield Problem(("vault", key), f"a folder {what}; take an s3:// vault, or leave it out")


def _storage(nodes: Sequence[Machine], document: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield where a storage's node is not what it must be, and replicas that could not share a volume."""
    for kind, roles in (("nfs", list(NodeRole)), ("volume", [NodeRole.REGISTRY])):
        name = _at(document, "storage", kind, "node")
        fitting = [node.get("name") for _, node in nodes if node.get("role") in roles]
        if isinstance(name, str) and name not in fitting:
            what = f"{name} is none of the {'registry ' if kind == 'volume' else ''}nodes"
            yield Problem(("storage", kind, "node"), what)
    replicas = document.get("replicas")
    if _at(document, "storage", "volume") and isinstance(replicas, int) and replicas > 1:
        what = f"{replicas} replicas cannot share a volume; use s3 or nfs, or set `replicas: 1`"
        yield Problem(("storage", "volume"), what)


def _instances(nodes: Sequence[Machine], document: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the nodes whose instances are named and that are none."""
    instances = _at(document, "load_balancer", "aws_nlb", "instances")
    known = {node.get("name") for _, node in nodes}
    for name in instances if isinstance(instances, Mapping) else ():
        if name not in known:
            yield Problem(("load_balancer", "aws_nlb", "instances", name), f"{name} is none of the nodes")


def _at(document: Any, *path: str) -> Any:
    for key in path:
        document = document.get(key) if isinstance(document, Mapping) else None
    return document
