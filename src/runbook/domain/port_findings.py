"""What `check` says of the ports that were tried: one line for what has one cause."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from runbook.domain.errors import UnreachableError
from runbook.domain.findings import Finding, Level, ok
from runbook.domain.port_matrix import FILTERED, Path, Tried

WHERE = "network"
_NAMED = 5
Names = frozenset[str]
Group = tuple[Names, Names]  # sources and targets: each of the ones does not reach each other of the others
Cause = tuple[Names, Names, str, bool]


def judge_paths(tried: Sequence[Tried]) -> tuple[Finding, ...]:
    """Return one finding for each set of machines that does not reach another, with all ports of which it is so."""
    if not tried:
        return ()
    closed = [each for each in tried if each.why_not]
    if not closed:
        machines = {each.path.source for each in tried}
        return (ok(WHERE, f"{len(tried)} paths tried from {len(machines)} machines, none is closed"),)
    causes: dict[Cause, list[str]] = defaultdict(list)
    for (port, why_not, vital), pairs in _by_port(closed).items():
        for sources, targets in _grouped(pairs):
            causes[sources, targets, why_not, vital].append(port)
    found = (_finding(cause, ports) for cause, ports in causes.items())
    return tuple(sorted(found, key=lambda finding: finding.level is not Level.BLOCKS))


def _by_port(closed: Iterable[Tried]) -> Mapping[tuple[str, str, bool], set[tuple[str, str]]]:
    found: dict[tuple[str, str, bool], set[tuple[str, str]]] = defaultdict(set)
    for each in closed:
        path: Path = each.path
        found[path.where_to, str(each.why_not), path.vital].add((path.source, path.target))
    return found


def _grouped(pairs: Collection[tuple[str, str]]) -> tuple[Group, ...]:
    """Return the pairs as few groups: by equal sources, or so that a machine counts among its own callers.

    The latter makes one group of a port that is closed between all nodes, for none of them calls itself.
    """
    sources: dict[str, set[str]] = defaultdict(set)
    for source, target in pairs:
        sources[target].add(source)
    return min(
        _merged(sources, lambda target: frozenset(sources[target])),
        _merged(sources, lambda target: frozenset(sources[target] | {target})),
        key=len,
    )


def _merged(targets: Iterable[str], key: Callable[[str], Names]) -> tuple[Group, ...]:
    groups: dict[Names, set[str]] = defaultdict(set)
    for target in targets:
        groups[key(target)].add(target)
    return tuple(
        (sources - members if len(members) == 1 else sources, frozenset(members))
        for sources, members in groups.items()
    )


def _finding(cause: Cause, ports: Sequence[str]) -> Finding:
    sources, targets, why_not, vital = cause
    word = "port" if len(ports) == 1 else "ports"
    way = "between" if sources == targets else f"from {_listed(sources)} to"
    meaning = "; no answer came, not even a refusal" if why_not == FILTERED else ""
    return Finding(
        Level.BLOCKS if vital else Level.WARNING,
        WHERE,
        f"{way} {_listed(targets)} {word} {', '.join(ports)}: {why_not}",
        f"open it in the firewall between them{meaning}",
        UnreachableError,
    )


def _listed(names: Names) -> str:
    ordered = sorted(names)
    if len(ordered) <= _NAMED:
        return ", ".join(ordered)
    return f"{', '.join(ordered[:_NAMED])} and {len(ordered) - _NAMED} more"
