"""Destroys what failed runs have left: a half-made replica, and the container of a second phase."""

import logging
from collections.abc import Callable, Iterable

from runbook.domain.errors import NotReadyError, RefusedError
from runbook.domain.health import ClusterSeen
from runbook.domain.leftovers import Leftover
from runbook.domain.node_facts import PHASE2
from runbook.remote.ssh import SshConnection

logger = logging.getLogger(__name__)
_GONE = b"No such container"


def clear(
    found: Iterable[Leftover],
    destroy: Callable[[str], None],
    ssh: Callable[[str], SshConnection],
    observe: Callable[[], ClusterSeen],
) -> None:
    """Leave none of what was found; whoever calls this has decided that it may go."""
    replicas = []
    for left in found:
        logger.info("%s", left.step)
        if left.replica_id:
            destroy(left.replica_id)
            replicas.append(left.replica_id)
        else:
            _remove_phase2(ssh(left.node), left.node)
    still = [r for r in observe().replicas if r.replica_id in replicas] if replicas else []
    if still:
        raise NotReadyError(
            still[0].node,
            f"after destroy, containers or volumes of replica {still[0].replica_id} are still there",
            "look at `docker ps -a` and `docker volume ls` there, then run again",
        )


def _remove_phase2(connection: SshConnection, node: str) -> None:
    """Leave no ended second phase; without force, so that one that runs after all is left alone."""
    done = connection.run(["docker", "rm", PHASE2])
    if done.status and _GONE not in done.stderr:
        said = done.stderr.decode(errors="replace").strip()
        raise RefusedError(
            node, f"container {PHASE2} cannot be removed: {said}", f"`docker rm {PHASE2}` there"
        )
