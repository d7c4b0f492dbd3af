"""What runs that died have left on nodes."""

from blocks.connection import ClusterConnection
from runbook.domain.leftovers import Leftover, still_there
from runbook.remote.clearing import clear
from tasks.policy import step


@step("what a dead run left on {left.node}", retries=0)
def clear_leftover(cluster: ClusterConnection, left: Leftover) -> None:
    """Leave none of it, decided on what is there just now; one that is gone already is no matter."""
    found = still_there(cluster.observe(), left, cluster.node_of_images)
    clear(found, cluster.bootstrapper.destroy, cluster.ssh, cluster.observe)
