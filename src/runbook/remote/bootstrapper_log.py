"""What the bootstrapper says, passed to the log as it comes and judged at the end."""

import contextvars
import logging
import threading

from pydantic import SecretStr

from runbook.domain.bootstrapper_failures import advise
from runbook.domain.bootstrapper_output import Level, LogLine, parse_line, why_failed
from runbook.domain.errors import RefusedError

logger = logging.getLogger(__name__)
_HIDDEN = "********"
_TELLING = 16


def _telling_lines(secret: str) -> list[str]:
    """Return what of a secret must not be seen: all of it, or the lines of a key that are more than its padding."""
    lines = secret.splitlines()
    return [line for line in lines if len(line) >= _TELLING] if len(lines) > 1 else [s for s in lines if s]


class BootstrapperLog:
    """The lines of one run; `take` may be called from several threads."""

    def __init__(self, where: str, *hide: SecretStr) -> None:
        """Judge what is said of `where`; no line of what is to hide is kept or logged."""
        self._where = where
        self._hidden = [line for secret in hide for line in _telling_lines(secret.get_secret_value())]
        self._guard = threading.Lock()
        self._context = contextvars.copy_context()  # a log handler may ask which run a line belongs to
        self.lines: list[LogLine] = []

    def take(self, raw: str) -> None:
        """Keep a line and log it at its level."""
        for secret in self._hidden:
            raw = raw.replace(secret, _HIDDEN)
        line = parse_line(raw)
        if not line.message:
            return
        with self._guard:
            self.lines.append(line)
            self._context.run(logger.log, min(line.level, Level.ERROR), "%s: %s", self._where, line.message)

    def judge(self, status: int) -> None:
        """Return when the run did its work; RefusedError with the vendor's words when it did not."""
        why = why_failed(status, self.lines)
        if why is not None:
            raise RefusedError(self._where, why, advise(why))
