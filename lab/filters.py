"""Packets that a node drops, as programs of its shell: in a chain of its own, before the engine's rules see them."""

from collections.abc import Iterable

_TABLE = "iptables -w -t mangle"
_CHAIN = "LAB-FILTERED"
_ENSURE_CHAIN = f"""
{_TABLE} -n -L {_CHAIN} >/dev/null 2>&1 || {{ {_TABLE} -N {_CHAIN} && {_TABLE} -I PREROUTING -j {_CHAIN}; }}
"""

DROP_NOTHING = f"{_TABLE} -F {_CHAIN} 2>/dev/null || true"
"""A node that dropped nothing has no such chain."""


def drop(port: int, senders: Iterable[str]) -> str:
    """Return the program that leaves the node deaf to the senders at a TCP port, published ones included."""
    rule = f"{_TABLE} -A {_CHAIN} -p tcp --dport {port} -s {','.join(senders)} -j DROP"
    return f"set -e\n{_ENSURE_CHAIN}{rule}"
