"""Ports of other machines, tried from a node itself with what a bare node has: bash and coreutils."""

from collections.abc import Mapping, Sequence

from runbook.domain.errors import UnreachableError
from runbook.domain.port_matrix import FILTERED, Path, Tried
from runbook.remote.ssh import SshConnection

ANSWERS_WITHIN = 2
"""Seconds for a connection or a refusal; a lost packet is sent again after one."""
_ROUNDS = 2
_ENDED_BY_TIMEOUT = 124
_NO_SUCH_PROGRAM = (126, 127)
_TRY_ALL = r"""
try() {
  if said=$( (exec 3<>"/dev/tcp/$1/$2") 2>&1 ); then said=open; fi
  said=${said%%$'\n'*}
  echo "$1 $2 ${said##*: }"
}
while [ $# -gt 1 ]; do try "$1" "$2" & shift 2; done
wait
"""


def try_paths(connection: SshConnection, paths: Sequence[Path]) -> tuple[Tried, ...]:
    """Return every path with what came of it, all tried at once; what is silent is tried a second time.

    A refusal is an answer: the way is open, and nothing listens yet.
    """
    said: dict[tuple[str, int], str] = {}
    for _ in range(_ROUNDS):
        missing = sorted({(path.address, path.port) for path in paths} - said.keys())
        if missing:
            said |= _try_all(connection, missing)
    return tuple(Tried(path, _why_not(said.get((path.address, path.port)))) for path in paths)


def _try_all(connection: SshConnection, targets: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], str]:
    """Return what each port answered; those that stayed silent are not in it."""
    listed = [str(part) for target in targets for part in target]
    argv = ("timeout", str(ANSWERS_WITHIN), "env", "LC_ALL=C", "bash", "-c", _TRY_ALL, "ports", *listed)
    done = connection.run(argv)
    if done.status in _NO_SUCH_PROGRAM or done.status not in (0, _ENDED_BY_TIMEOUT):
        words = done.stderr.decode(errors="replace").strip() or f"it ended with {done.status}"
        raise UnreachableError(
            connection.target.name,
            f"ports cannot be tried from it: {words}",
            "install bash and coreutils there",
        )
    rows = [line.split(" ", 2) for line in done.stdout.decode(errors="replace").splitlines()]
    return {(row[0], int(row[1])): row[2] for row in rows if len(row) == len(("address", "port", "said"))}


def _why_not(said: str | None) -> str | None:
    if said is None:
        return FILTERED
    return None if said in ("open", "Connection refused") else said
