"""What can be said of an operator's arguments by the cluster file alone, before anything is looked at."""

from collections.abc import Sequence

from runbook.domain.errors import InvalidConfigError, RefusedError
from runbook.domain.topology import NodeSpec, why_not_count


def require_growth(wanted: int, nodes: Sequence[NodeSpec]) -> None:
    """Return if a cluster on these registry nodes may have so many replicas, else RefusedError."""
    if reason := why_not_count(wanted):
        raise RefusedError("scale-out", reason, "set `replicas` to 3, 5 or 7")
    if wanted > len(nodes):
        what = f"{wanted} replicas are wanted and the cluster file has {len(nodes)} registry nodes"
        raise RefusedError("scale-out", what, "add dedicated registry nodes to the cluster file")


def require_shrink(wanted: int | None, named: Sequence[str]) -> None:
    """Return if a number that may stay is given, or names; InvalidConfigError or RefusedError says what is wrong."""
    if (wanted is None) is not bool(named):
        what = "give either how many replicas shall stay, or which ones shall go"
        raise InvalidConfigError("remove", what, "use --replicas, or --node and --replica")
    if wanted is not None and (reason := why_not_count(wanted)):
        raise RefusedError("remove", reason, "choose 1, 3 or 5")


def require_move(old: str, new: str, nodes: Sequence[NodeSpec]) -> None:
    """Return if `new` is another node that may hold a replica; `old` may have left the cluster file."""
    if old == new:
        raise InvalidConfigError("replace", f"{old} cannot replace itself", "name another registry node")
    known = [node.name for node in nodes]
    if new not in known:
        what = "no replica can join there: it is no registry node of the cluster file"
        raise RefusedError(new, what, f"name one of {', '.join(name for name in known if name != old)}")
