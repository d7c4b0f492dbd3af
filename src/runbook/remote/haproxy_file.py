"""HAProxy's configuration file on its machine: read, replaced, taken back, and never thrown away unseen."""

import re

from runbook.domain.errors import ForeignFileError, RefusedError
from runbook.remote.ssh import SshConnection
from runbook.remote.transport import Completed

MARKER = "# Written by registry-runbooks"
_ALERT = re.compile(r"^\[ALERT\]\s*(?:\(\d+\)\s*:\s*)?(?P<text>.*)$", re.MULTILINE)
_READ_THE_LOG = "read HAProxy's log there, mend the cause, then rerun"

_READ = '[ ! -e "$1" ] || cat "$1"'
_START = """
path=$1
# one that runs is never restarted: where the reload fails, it goes on serving what it served
start() { if service haproxy status >/dev/null 2>&1; then service haproxy reload; else service haproxy restart; fi; }
take_back() {
  if [ -e "$path.previous" ]; then
    cp -p "$path.previous" "$path.back" && mv -f "$path.back" "$path" && start
  else
    rm -f "$path"
  fi
}
"""
# without one before, there was no HAProxy
_TAKE_BACK = f'{_START}[ -e "$path.previous" ] || service haproxy stop; take_back'
_APPLY = (
    _START
    + """
new=$2 marker=$3
swap() {
  if [ ! -e "$path" ]; then
    rm -f "$path.previous"
  else
    if ! grep -q "^$marker" "$path"; then # somebody else's
      kept=$path.before-runbooks
      if ! cmp -s "$path" "$kept"; then
        [ ! -e "$kept" ] || kept=$kept.$(date -u +%Y%m%dT%H%M%SZ)
        cp -p "$path" "$path.kept" && mv "$path.kept" "$kept" || return 1
      fi
    fi
    cp -p "$path" "$path.previous" || return 1
  fi
  mv -f "$new" "$path"
}
swap || exit 1
if start; then exit 0; fi
take_back >/dev/null 2>&1
exit 1
"""
)
# Debian and Red Hat both say which digest the file had in its package.
_IS_PACKAGED = r"""
path=$1
said=$(
  dpkg-query -W -f '${Conffiles}\n' haproxy 2>/dev/null
  rpm -q --qf '[%{FILENAMES} %{FILEDIGESTS}\n]' haproxy 2>/dev/null
)
for sum in md5sum sha256sum; do
  digest=$("$sum" <"$path" 2>/dev/null | cut -d ' ' -f 1)
  [ -n "$digest" ] || continue # without one, any package would do
  case $said in *"$path $digest"*) exit 0 ;; esac
done
exit 1
"""


class HaproxyFile:
    """The file that HAProxy reads, and HAProxy running with it."""

    def __init__(self, connection: SshConnection, path: str, *, take_over: bool = False) -> None:
        self._connection = connection
        self._where = connection.target.name
        self._path = path
        self._take_over = take_over

    def read(self) -> str:
        """Return the configuration as it is, empty when there is none."""
        done = self._shell(_READ)
        if done.status != 0:
            raise self._refusal(f"{self._path} cannot be read: {_words(done.stderr)}")
        return done.stdout.decode(errors="replace")

    def require_replaceable(self) -> None:
        """Return if the file may be replaced: ours, the package's own, none, or given up by its owner."""
        text = self.read()
        ours = any(line.startswith(MARKER) for line in text.splitlines())
        if self._take_over or ours or not text.strip() or self._shell(_IS_PACKAGED).status == 0:
            return
        raise ForeignFileError(
            self._where,
            f"{self._path} was written by hand and may serve more than the registry",
            "move what else it serves to another machine, then set `take_over: true` for the load balancer in"
            f" the cluster file; the old file is kept as {self._path}.before-runbooks",
        )

    def replace(self, text: str) -> None:
        """Leave HAProxy running with `text`; an invalid one changes nothing, a failed start is taken back."""
        new = f"{self._path}.new"
        self._connection.put_file(new, text.encode(), 0o644)
        checked = self._connection.run(("haproxy", "-c", "-f", new))
        if checked.status != 0:
            self._connection.run(("rm", "-f", new))
            raise self._refusal(f"HAProxy refuses the new configuration: {_alert(checked.stderr)}")
        done = self._shell(_APPLY, new, MARKER)
        if done.status != 0:
            raise self._refusal(f"HAProxy could not be reloaded: {_words(done.stdout + done.stderr)}")

    def take_back(self) -> None:
        """Leave HAProxy running with the configuration before the last `replace`, and that file in its place."""
        done = self._shell(_TAKE_BACK)
        if done.status != 0:
            raise self._refusal(f"HAProxy could not be reloaded: {_words(done.stdout + done.stderr)}")

    def _shell(self, script: str, *arguments: str) -> Completed:
        return self._connection.run(("sh", "-c", script, "sh", self._path, *arguments))

    def _refusal(self, what: str) -> RefusedError:
        return RefusedError(self._where, what, _READ_THE_LOG)


def _alert(stderr: bytes) -> str:
    text = stderr.decode(errors="replace")
    found = [match["text"].strip() for match in _ALERT.finditer(text)]
    return found[0] if found else _words(stderr)


def _words(output: bytes) -> str:
    return "; ".join(output.decode(errors="replace").strip().splitlines()) or "no reason given"
