"""Nodes that cannot take a replica, where a runbook can do without them."""

from collections.abc import Iterable
from dataclasses import replace

from runbook.domain.findings import Finding, Level


def set_apart(
    findings: Iterable[Finding], nodes: Iterable[str]
) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """Return the findings with what blocks on `nodes` lowered to warnings, and the nodes that it makes unfit."""
    listed, names = tuple(findings), set(nodes)
    blocking = [f for f in listed if f.level is Level.BLOCKS and f.where in names]
    lowered = tuple(replace(f, level=Level.WARNING) if f in blocking else f for f in listed)
    return lowered, tuple(sorted({f.where for f in blocking}))
