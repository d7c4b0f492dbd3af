import pytest

from runbook.domain.errors import RefusedError
from runbook.domain.leftovers import Leftover
from tasks.leftovers import clear_leftover
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.clusters import IDS, alive, dead


def test_a_leftover_is_looked_at_again_before_it_is_destroyed(cluster: FakeCluster) -> None:
    cluster.replicas, cluster.counted = [alive(1), alive(2)], (IDS[0],)
    with pytest.raises(RefusedError, match="was a leftover and is none now: its own probe answers"):
        clear_leftover.fn(cluster, Leftover("dtr2", IDS[1]))
    assert cluster.bootstrapper.destroyed == []
    cluster.replicas[1] = dead(2)
    clear_leftover.fn(cluster, Leftover("dtr2", IDS[1]))
    clear_leftover.fn(cluster, Leftover("dtr2", IDS[1]))
    assert cluster.bootstrapper.destroyed == [IDS[1]]
