"""Asks the registry, and the control plane, about members that cannot be reached from here."""

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from runbook.domain.errors import UnreachableError
from runbook.domain.health import ClusterSeen
from runbook.domain.self_reports import doubtful, recently_well
from runbook.remote.control_plane_api import ControlPlaneNode
from runbook.remote.registry_admin_api import RegistryAdmin

logger = logging.getLogger(__name__)
_DOWN = "down"


def with_reports(
    seen: ClusterSeen,
    nodes: Collection[str],
    admin_on: Callable[[str], RegistryAdmin],
    control_plane_nodes: Callable[[], Sequence[ControlPlaneNode]],
) -> ClusterSeen:
    """Return what was seen, with the members that are dead from here and well in the eyes of a living replica.

    One on a node that the control plane calls down is dead, however young its last report.
    """
    asked = doubtful(seen, nodes)
    if not asked or not seen.living:
        return seen
    with admin_on(seen.living[0].node) as admin:
        status = admin.cluster_status()
    well = recently_well(asked, status.health, status.reported_at)
    down = _down(control_plane_nodes) if well else set()
    return replace(seen, vouched={m: at for m, at in well.items() if seen.node_of(m) not in down})


def _down(control_plane_nodes: Callable[[], Sequence[ControlPlaneNode]]) -> set[str]:
    try:
        return {node.name for node in control_plane_nodes() if node.state.lower() == _DOWN}
    except UnreachableError as error:
        logger.warning("%s: %s; nobody says which nodes are down", error.where, error.what)
        return set()
