"""The licence of the control plane and of the registry, taken away and given back."""

import httpx

from lab import control_plane, replicas
from lab.topology import Machine, Topology
from lab.waiting import wait_until

_SWITCH = "no-licence"
_ROW = "/dtr2/properties/license"
_ANY_UPLOAD = "/v2/admin/any/blobs/uploads/"


def take_away(topology: Topology) -> None:
    """Leave neither the control plane nor a registry that is there with a licence."""
    control_plane.switch(topology, _SWITCH, on=True)
    if replicas.switch(topology, "put", _SWITCH, "1"):
        _wait(topology, licensed=False)


def give(topology: Topology) -> None:
    """Leave the control plane and a registry that is there with a licence, one that was installed without too."""
    control_plane.switch(topology, _SWITCH, on=False)
    if replicas.switch(topology, "del", _SWITCH):
        replicas.ask_database(topology, "del", _ROW)
        _wait(topology, licensed=True)


def _wait(topology: Topology, *, licensed: bool) -> None:
    """Return once no replica that answers pushes otherwise."""
    for node in topology.registry_nodes:
        wait_until(
            lambda node=node: _why_not(topology, node, licensed=licensed),  # type: ignore[misc]  # bound early
            node.name,
            "read the log of its dtr-nginx",
            seconds=30,
        )


def _why_not(topology: Topology, node: Machine, *, licensed: bool) -> str | None:
    url = f"https://{topology.address(node)}{_ANY_UPLOAD}"
    try:
        status = httpx.post(url, verify=False, timeout=5, trust_env=False).status_code  # noqa: S501  # no secret is sent
    except httpx.HTTPError:
        return None  # no replica, or one that takes no push anyway
    if (status == httpx.codes.PAYMENT_REQUIRED) is not licensed:
        return None
    return f"its registry still {'refuses' if licensed else 'takes'} pushes"
