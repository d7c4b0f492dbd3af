"""Rules of the vendor that concern several machines, and are easily broken."""

from collections import defaultdict
from collections.abc import Mapping

from runbook.domain.errors import MismatchError, RefusedError
from runbook.domain.findings import Finding, Level, ok
from runbook.domain.node_facts import MAX_CLOCK_SKEW, NodeFacts
from runbook.domain.topology import NodeRole

NODES = "nodes"
REPLICAS_STORAGE = "replicas' storage"


def judge_nodes_together(seen: Mapping[str, NodeFacts]) -> tuple[Finding, ...]:
    """Return what the nodes differ in and should not."""
    found = (_engines(seen), _clocks(seen))
    return tuple(finding for finding in found if finding)


def _engines(seen: Mapping[str, NodeFacts]) -> Finding | None:
    nodes = _by_value({name: facts.engine_version for name, facts in seen.items()})
    if len(nodes) <= 1:
        return None
    what = "; ".join(f"{version} on {', '.join(names)}" for version, names in sorted(nodes.items()))
    return Finding(
        Level.WARNING, NODES, f"engines differ: {what}", "bring all nodes to the same engine version"
    )


def _clocks(seen: Mapping[str, NodeFacts]) -> Finding | None:
    """Return that two clocks differ though neither is far from this machine's."""
    skews = {name: facts.clock_skew for name, facts in seen.items()}
    if not skews or any(abs(skew) > MAX_CLOCK_SKEW for skew in skews.values()):
        return None  # that one is a finding of its own
    ahead, behind = max(skews, key=skews.__getitem__), min(skews, key=skews.__getitem__)
    apart = skews[ahead] - skews[behind]
    if apart <= MAX_CLOCK_SKEW:
        return None
    what = f"the clock of {ahead} is {apart:.0f} s ahead of that of {behind}"
    return Finding(Level.WARNING, NODES, what, "synchronise them (chrony, ntpd)")


def judge_roles(wanted: Mapping[str, NodeRole], managers: frozenset[str]) -> tuple[Finding, ...]:
    """Return a warning for each registry node that is a manager of the control plane too."""
    what = "it is a registry node and runs the control plane too; the vendor keeps them apart"
    next_step = "demote it with `docker node demote`, or name another registry node"
    return tuple(
        Finding(Level.WARNING, name, what, next_step)
        for name, role in wanted.items()
        if role is NodeRole.REGISTRY and name in managers
    )


def judge_scheduler(allowed: bool | None) -> tuple[Finding, ...]:
    """Return that the control plane keeps its administrators' containers off registry nodes, if it does."""
    if allowed:
        return ()
    says = "keeps" if allowed is False else "may keep"
    what = (
        f"it {says} administrators' containers off registry nodes "
        f"(enable_admin_ucp_scheduling is {'false' if allowed is False else 'not set'})"
    )
    next_step = (
        "let administrators deploy containers on managers and registry nodes: Admin Settings > Scheduler; "
        "install, join and backup fail without it"
    )
    level = Level.BLOCKS if allowed is False else Level.WARNING
    return (Finding(level, "control plane", what, next_step, RefusedError),)


def judge_external_port(external: int, replica: int) -> tuple[Finding, ...]:
    """Return that users and replicas use different ports, which has made installations hang."""
    if external == replica:
        return ()
    what = f"its port is {external}, that of the replicas {replica}; installations with two ports are known to hang"
    next_step = (
        "use one port for both, or let the load balancer pass the one to the other and watch the install"
    )
    return (Finding(Level.WARNING, "registry.external_url", what, next_step),)


def judge_same_storage(seen: Mapping[str, Mapping[str, str]]) -> tuple[Finding, ...]:
    """Return each setting of the storage that is not the same on all replicas; `seen` is by node."""
    if len(seen) <= 1:
        return ()
    keys = sorted({key for settings in seen.values() for key in settings})
    found = tuple(finding for key in keys if (finding := _differs(key, seen)))
    return found or (ok(REPLICAS_STORAGE, f"the same on {', '.join(sorted(seen))}"),)


def _differs(key: str, seen: Mapping[str, Mapping[str, str]]) -> Finding | None:
    nodes = _by_value({node: settings.get(key, "nothing") for node, settings in seen.items()})
    if len(nodes) <= 1:
        return None
    what = "; ".join(f"{value} on {', '.join(names)}" for value, names in sorted(nodes.items()))
    next_step = "images that one replica takes are missing on another: give all of them one storage"
    return Finding(Level.BLOCKS, REPLICAS_STORAGE, f"{key} differs: {what}", next_step, MismatchError)


def _by_value(values: Mapping[str, str]) -> Mapping[str, list[str]]:
    """Return the sorted names of each value."""
    names: dict[str, list[str]] = defaultdict(list)
    for name, value in sorted(values.items()):
        names[value].append(name)
    return names
