"""The line that sshd is given to run a command, and how the command's own output is told from its login shell's."""

import base64
import secrets
import shlex
from collections.abc import Callable, Sequence

_NOISE = 2048
_END_GROUP = """
for signal in TERM KILL; do
  kill -s $signal -- -$1 2>/dev/null || kill -s $signal $1 2>/dev/null || exit 0
  tries=50
  while [ $tries -gt 0 ] && { kill -0 -- -$1 || kill -0 $1; } 2>/dev/null; do
    sleep 0.1; tries=$((tries-1))
  done
done
"""
_GROUP = "read -r a b c d group rest </proc/$$/stat"


def make_marker() -> bytes:
    """Return a word that no login shell prints by chance."""
    return f"runbook-{secrets.token_hex(8)}:".encode()


def encode_command(
    argv: Sequence[str], marker: bytes, *, reads_input: bool = True, sudo: bool = False
) -> str:
    """Return the line for sshd that runs `argv`, whatever the user's login shell is and says.

    It holds only characters that every shell reads alike. Both outputs begin with the marker; on standard error
    the number of the process group follows, so that it can be ended later. One that reads no input finds its end at
    once, without our telling it: told to a command that has just ended, sshd would close the whole connection.
    """
    word = marker.decode()
    script = f"{_GROUP}; printf %s {word}; echo {word}$group >&2; exec {shlex.join(argv)}"
    if not reads_input:
        script += " </dev/null"
    if sudo:
        script = f"exec sudo -n -- sh -c {shlex.quote(script)}"
    encoded = base64.b64encode(script.encode()).decode()
    return f"""exec sh -c 'eval "$(printf %s {encoded} | base64 -d)"'"""


def make_end_command(group: int) -> tuple[str, ...]:
    """Return the command that ends a process group, first politely."""
    return ("sh", "-c", _END_GROUP, "sh", str(group))


class Beginning:
    """Finds where the command's own output begins; what came before is kept for an error, in part."""

    def __init__(self, marker: bytes) -> None:
        self._marker = marker
        self.found = False
        self.noise = b""

    def read(self, recv: Callable[[], bytes]) -> bytes:
        """Return the next bytes of the command itself, empty at the end."""
        while not self.found:
            more = recv()
            if not more:
                return b""
            self.noise, found, rest = (self.noise + more).partition(self._marker)
            self.found = bool(found)
            if rest:
                return rest
            self.noise = self.noise[-_NOISE:]
        return recv()
