from runbook.domain.health import SERVICES
from runbook.remote.discovery import VERSION_LABEL, observe
from runbook.remote.transport import ContainerSeen, Observation, VolumeSeen

A, B = "aaaaaaaaaaaa", "bbbbbbbbbbbb"


class Nodes:
    """Two nodes, each with a replica whose services are of the versions that are given."""

    name = "two nodes"

    def __init__(self, first: list[str], second: list[str]) -> None:
        self._versions = {("dtr1", A): first, ("dtr2", B): second}

    def containers(self, _prefix: str = "dtr-") -> Observation[ContainerSeen]:
        seen = tuple(
            ContainerSeen(node, f"dtr-{service}-{replica}", "running", "dtr", {VERSION_LABEL: version}, None)
            for (node, replica), versions in self._versions.items()
            for service, version in zip(SERVICES, versions * len(SERVICES), strict=False)
        )
        return Observation(seen, {})

    def volumes(self, _prefix: str = "dtr-") -> Observation[VolumeSeen]:
        return Observation((), {})


def look(first: list[str], second: list[str]) -> dict[str, str | None]:
    """Return the version of each replica; each is healthy where it is asked as that version is."""
    asked: dict[str, str | None] = {}

    def probe(address: str, version: str | None) -> str | None:
        asked[address] = version
        return None

    seen = observe(Nodes(first, second), {"dtr1": "1", "dtr2": "2"}, probe, lambda _: (A, B))  # type: ignore[arg-type]
    assert {r.node: r.version for r in seen.replicas} == {"dtr1": asked["1"], "dtr2": asked["2"]}
    return asked


def test_each_replica_is_probed_as_its_own_version_is() -> None:
    assert look(["2.5.3"], ["2.4.1"]) == {"1": "2.5.3", "2": "2.4.1"}


def test_a_replica_that_is_half_replaced_is_of_the_older_version() -> None:
    assert look(["2.10.4", "2.9.29"], ["2.9.29", "2.10.4"]) == {"1": "2.9.29", "2": "2.9.29"}


def test_a_label_that_is_no_version_is_passed_over() -> None:
    assert look(["custom"], ["custom", "2.9.29"]) == {"1": None, "2": "2.9.29"}
