"""How many connections a machine has open to a place, as its kernel counts them: whichever process holds them."""

import ipaddress
from collections.abc import Iterable, Iterator

from runbook.domain.errors import RefusedError
from runbook.remote.ssh import SshConnection

_LOOK = 'cat /proc/net/tcp; cat /proc/net/tcp6 2>/dev/null; echo; getent ahosts "$1"'
_ESTABLISHED = "01"
_COLUMNS = 4


def open_connections(connection: SshConnection, address: str, ports: Iterable[int]) -> int:
    """Return how many connections the machine has to these ports of `address`, a name or an IP address."""
    done = connection.run(("sh", "-c", _LOOK, "sh", address))
    table, _, resolved = done.stdout.decode(errors="replace").rpartition("\n\n")
    places = {line.split()[0] for line in resolved.splitlines() if line}
    if not table or not places:
        what = f"its connections to {address} cannot be counted"
        raise RefusedError(connection.target.name, what, "see that it has /proc and resolves that name")
    return count(table.splitlines(), places, ports)


def count(table: Iterable[str], addresses: Iterable[str], ports: Iterable[int]) -> int:
    """Return how many rows of /proc/net/tcp and tcp6 are established to one of the places."""
    wanted = {f"{_as_kernel(address)}:{port:04X}" for address in set(addresses) for port in set(ports)}
    return sum(remote in wanted for remote in _established(table))


def _established(table: Iterable[str]) -> Iterator[str]:
    for line in table:
        columns = line.split()
        if len(columns) >= _COLUMNS and columns[3] == _ESTABLISHED:
            yield columns[2]


def _as_kernel(address: str) -> str:
    """Return the address as the tables of a little-endian machine spell it: word by word, bytes reversed."""
    packed = ipaddress.ip_address(address).packed
    words = (packed[i : i + 4] for i in range(0, len(packed), 4))
    return "".join(word[::-1].hex() for word in words).upper()
