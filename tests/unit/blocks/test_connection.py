import pytest

from blocks.cluster import RegistryCluster
from blocks.connection import ClusterConnection
from runbook.domain.errors import InvalidConfigError
from tests.fakes.cluster_connection import EXAMPLE


@pytest.mark.parametrize(
    "reach", [lambda c: c.ssh("away1"), lambda c: c.admin_on("away1")], ids=["SSH", "its registry"]
)
def test_a_node_outside_of_the_cluster_file_is_named_with_what_to_do(reach) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidConfigError, match="of the cluster file has that name") as invalid:
        reach(ClusterConnection(RegistryCluster.from_file(EXAMPLE).settings))
    assert invalid.value.where == "away1"
