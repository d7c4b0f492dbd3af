"""What `check` says about the replicas together."""

from runbook.domain.errors import NotReadyError, UnreachableError
from runbook.domain.findings import Finding, Level, ok
from runbook.domain.health import ClusterSeen, Replica, does_not_answer


def judge_cluster(seen: ClusterSeen, wanted: int, version: str) -> tuple[Finding, ...]:
    """Return the findings about quorum, each unhealthy replica, versions and the number of replicas."""
    if not seen.replicas and seen.unreachable:
        what = f"not judged: {does_not_answer(seen.unreachable)}"
        next_step = "start these nodes; `runbook restore --plan` names the remedy"
        return (Finding(Level.WARNING, "registry", what, next_step, UnreachableError),)
    if not seen.replicas:
        return (Finding(Level.WARNING, "registry", "no replica is there", "run `runbook install`"),)
    found = [_judge_quorum(seen), _judge_count(seen, wanted)]
    for replica in seen.replicas:
        found += [_judge_health(replica), _judge_version(replica, version), _judge_member(replica, seen)]
    problems = tuple(finding for finding in found if finding)
    return problems or (ok("registry", f"{seen.summary()}, all of version {version}"),)


def _judge_quorum(seen: ClusterSeen) -> Finding | None:
    if seen.has_quorum:
        return None
    what = f"no quorum: {seen.summary()}"
    return Finding(
        Level.BLOCKS, "registry", what, "run `runbook restore --plan`; it names the remedy", NotReadyError
    )


def _judge_count(seen: ClusterSeen, wanted: int) -> Finding | None:
    count = len(seen.members)
    if count == wanted:
        return None
    even = ", an even number, which tolerates no more failures than one less" if count % 2 == 0 else ""
    way = "run `runbook scale-out`" if count < wanted else f"run `runbook remove --replicas {wanted}`"
    return Finding(Level.WARNING, "registry", f"{count} of {wanted} replicas{even}", way)


def _judge_health(replica: Replica) -> Finding | None:
    if replica.healthy:
        return None
    what = f"replica {replica.replica_id}: {replica.why_not_healthy}"
    return Finding(
        Level.WARNING,
        replica.node,
        what,
        "run `runbook repair --plan`; `runbook restore --plan` if most are dead",
    )


def _judge_version(replica: Replica, version: str) -> Finding | None:
    if replica.version in {None, version}:
        return None
    what = f"replica {replica.replica_id} runs {replica.version}, the cluster file says {version}"
    return Finding(Level.BLOCKS, replica.node, what, "correct `registry.version` in the cluster file")


def _judge_member(replica: Replica, seen: ClusterSeen) -> Finding | None:
    if not seen.configured or replica.replica_id in seen.configured:
        return None
    what = f"replica {replica.replica_id} is on it, and the registry does not count it as a member"
    return Finding(Level.WARNING, replica.node, what, "it is a leftover: run `runbook repair --plan`")
