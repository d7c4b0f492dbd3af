"""What is there of the registry: containers, volumes and health probes, put together per replica."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from runbook.domain.health import SERVICES, ClusterSeen, Replica
from runbook.domain.node_facts import PHASE2
from runbook.domain.versions import oldest
from runbook.remote.transport import ContainerSeen, Transport, VolumeSeen

REPLICA_NAME = re.compile(r"^dtr-(?P<kind>[a-z-]+)-(?P<id>[0-9a-f]{12})$")
VERSION_LABEL = "com.docker.dtr.version"


def observe(
    transport: Transport,
    addresses: Mapping[str, str],
    probe: Callable[[str, str | None], str | None],
    members: Callable[[str], Mapping[str, str]],
) -> ClusterSeen:
    """Return the registry as it is now.

    `addresses` maps registry nodes to their addresses, `probe` says why the replica of a version at an
    address is not healthy (None if it is), `members` asks the replica at an address for the ids of all members
    and their nodes. A member that was found nowhere is probed where the registry says that it is. A replica on
    a node that is not among `addresses` is seen if it is a member: else it is another registry's, over a transport
    that reaches every node of the control plane. A second phase is seen anywhere: its name is taken everywhere.
    """
    with ThreadPoolExecutor(max_workers=2) as pool:
        looks = pool.submit(transport.containers), pool.submit(transport.volumes)
    containers, volumes = looks[0].result(), looks[1].result()
    unreachable = tuple(sorted({*containers.unreachable, *volumes.unreachable}))
    replicas = _group(containers.seen, volumes.seen)
    with ThreadPoolExecutor(max_workers=8) as pool:
        why_not = list(pool.map(lambda r: _why_not_healthy(r, addresses, probe), replicas))
    probed = tuple(
        replace(r, why_not_healthy=reason, outside=r.node not in addresses)
        for r, reason in zip(replicas, why_not, strict=True)
    )
    first = next((r for r in probed if r.healthy), None)
    places = dict(members(addresses[first.node])) if first else {}
    ours = tuple(r for r in probed if not r.outside or r.replica_id in places)
    found = {r.replica_id for r in ours}
    answering = tuple(
        member
        for member, node in places.items()
        if member not in found
        and node in addresses
        and node in unreachable
        and probe(addresses[node], None) is None
    )
    bootstrappers = {c.node: c.state for c in containers.seen if c.name == PHASE2}
    return ClusterSeen(ours, unreachable, tuple(places), places, answering, bootstrappers)


def _why_not_healthy(
    replica: Replica, addresses: Mapping[str, str], probe: Callable[[str, str | None], str | None]
) -> str | None:
    if not replica.services:
        return "only volumes are left of it"
    stopped = sorted(name for name in SERVICES if replica.services.get(name) != "running")
    if stopped:
        return f"not running: {', '.join(stopped)}"
    if replica.node not in addresses:
        return f"{replica.node} is not a registry node of the cluster file"
    return probe(addresses[replica.node], replica.version)


def _group(containers: Iterable[ContainerSeen], volumes: Iterable[VolumeSeen]) -> list[Replica]:
    services: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    versions: dict[tuple[str, str], list[str]] = defaultdict(list)
    kept: dict[tuple[str, str], list[str]] = defaultdict(list)
    for container in containers:
        if match := REPLICA_NAME.match(container.name):
            key = match["id"], container.node
            services[key][match["kind"]] = container.state
            if version := container.labels.get(VERSION_LABEL):
                versions[key].append(version)
    for volume in volumes:
        if match := REPLICA_NAME.match(volume.name):
            kept[match["id"], volume.node].append(volume.name)
    return [
        Replica(
            key[0], key[1], oldest(versions[key]), services.get(key, {}), tuple(sorted(kept.get(key, ())))
        )
        for key in sorted({*services, *kept})
    ]
