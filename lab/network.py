"""The network of this checkout's lab, with addresses that no other network of the engine has."""

from pathlib import Path

import docker
from docker.errors import APIError
from docker.models.networks import Network
from docker.types import IPAMConfig, IPAMPool

from lab.topology import LABEL, Topology, octets_to_try
from runbook.domain.errors import RefusedError

_ROUTES = Path("/proc/net/route")
_FIRST = 198 + (18 << 8)


def find_network(client: docker.DockerClient, prefix: str) -> Network | None:
    """Return the lab's network if it exists."""
    found = client.networks.list(filters={"label": f"{LABEL}={prefix}"})
    return found[0] if found else None


def topology_of(network: Network, prefix: str, further: int = 0) -> Topology:
    """Return the topology of a lab with so many further nodes, as its network has it."""
    subnet = network.attrs["IPAM"]["Config"][0]["Subnet"]
    return Topology(prefix, int(subnet.split(".")[2]), further)


def make_network(client: docker.DockerClient, prefix: str) -> Topology:
    """Leave the lab's network on the first subnet that is free."""
    taken = octets_with_a_route(_ROUTES.read_text())
    for octet in octets_to_try(prefix):
        topology = Topology(prefix, octet)
        if octet not in taken and _create(client, topology):
            return topology
    raise RefusedError(
        "lab's network", "198.18.1.0/24 to 198.18.127.0/24 are all taken", "remove networks that nobody uses"
    )


def octets_with_a_route(table: str) -> set[int]:
    """Return the third octets of 198.18.x.0 that the host has a route to, from /proc/net/route."""
    destinations = [int(line.split()[1], 16) for line in table.splitlines()[1:] if line.strip()]
    return {(address >> 16) & 0xFF for address in destinations if address & 0xFFFF == _FIRST}


def _create(client: docker.DockerClient, topology: Topology) -> bool:
    """Return whether the engine gave us this subnet; two checkouts may ask at the same moment."""
    pool = IPAMPool(subnet=topology.subnet, gateway=topology.gateway)
    try:
        client.networks.create(
            topology.prefix,
            driver="bridge",
            ipam=IPAMConfig(pool_configs=[pool]),
            labels={LABEL: topology.prefix},
        )
    except APIError as error:
        if "overlap" in str(error):
            return False
        raise
    return True
