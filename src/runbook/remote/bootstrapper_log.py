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


class BootstrapperLog:
    """The lines of one run; `take` may be called from several threads."""

    def __init__(self, where: str, hide: SecretStr | None) -> None:
        self._where = where
        self._secret = hide.get_secret_value() if hide is not None else ""
        self._guard = threading.Lock()
        self._context = contextvars.copy_context()  # a log handler may ask which run a line belongs to
        self.lines: list[LogLine] = []

    def take(self, raw: str) -> None:
        """Keep a line and log it at its level."""
        line = parse_line(raw.replace(self._secret, _HIDDEN) if self._secret else raw)
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
