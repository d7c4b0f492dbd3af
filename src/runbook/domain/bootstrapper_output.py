"""What the bootstrapper says, as values.

It writes logrus lines in two spellings, `INFO[0166] text` and `time="…" level=info msg="…"`, coloured or
not, sometimes without the clock, and with a prompt glued to the front when it asked for something.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """Severity of a line, with the numbers of the logging module."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40
    FATAL = 50


@dataclass(frozen=True)
class LogLine:
    """One line: how severe it is and what it says, without clock, colour and padding."""

    level: Level
    message: str


_SHORT = {
    "TRAC": Level.DEBUG,
    "DEBU": Level.DEBUG,
    "INFO": Level.INFO,
    "WARN": Level.WARNING,
    "ERRO": Level.ERROR,
    "FATA": Level.FATAL,
    "PANI": Level.FATAL,
}
_LONG = {
    "trace": Level.DEBUG,
    "debug": Level.DEBUG,
    "info": Level.INFO,
    "warning": Level.WARNING,
    "warn": Level.WARNING,
    "error": Level.ERROR,
    "fatal": Level.FATAL,
    "panic": Level.FATAL,
}
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_SHORT_LINE = re.compile(
    r"(?:^|: )(?P<level>TRAC|DEBU|INFO|WARN|ERRO|FATA|PANI)(?:\[\d+\])?\s+(?P<message>.*)$"
)
_LONG_LEVEL = re.compile(r"\blevel=(\w+)")
_LONG_MESSAGE = re.compile(r'\bmsg=(?P<quoted>"(?:[^"\\]|\\.)*")|\bmsg=(?P<bare>\S+)')
_ENGINE_CLIENT = "docker: "
_ENGINE_HINT = "See 'docker run --help'"
_REPLICA_ID = re.compile(r"Replica ID is set to: ([0-9a-f]{12})\b")
_REPLICA_COUNT = re.compile(r"There are currently (\d+) replicas in your .* cluster")
_EVEN_NUMBER = re.compile(r"even number of replicas")


def parse_line(raw: str) -> LogLine:
    """Return the line as a value; what is not a log line is INFO as it stands, unless `docker` itself complains."""
    text = _COLOUR.sub("", raw).strip()
    level, message = _LONG_LEVEL.search(text), _LONG_MESSAGE.search(text)
    if text.startswith("time=") and level is not None and message is not None:
        return LogLine(_LONG.get(level[1], Level.INFO), _unquote(message))
    short = _SHORT_LINE.search(text)
    if short is not None:
        return LogLine(_SHORT[short["level"]], short["message"].strip())
    if text.startswith(_ENGINE_CLIENT):
        return LogLine(Level.ERROR, text.removeprefix(_ENGINE_CLIENT).removesuffix("."))
    return LogLine(Level.INFO, text)


def _unquote(message: re.Match[str]) -> str:
    if message["quoted"] is None:
        return message["bare"]
    try:
        return str(json.loads(message["quoted"])).strip()
    except ValueError:  # Go also escapes what JSON does not know, such as \x1b
        return message["quoted"][1:-1].strip()


def find_replica_id(lines: Iterable[LogLine]) -> str | None:
    """Return the replica ID that the last `Replica ID is set to` line names."""
    found = [match[1] for line in lines if (match := _REPLICA_ID.search(line.message))]
    return found[-1] if found else None


def find_replica_count(lines: Iterable[LogLine]) -> int | None:
    """Return how many replicas the cluster has after a join, as its closing lines say."""
    found = [int(match[1]) for line in lines if (match := _REPLICA_COUNT.search(line.message))]
    return found[-1] if found else None


def select_warnings(lines: Iterable[LogLine]) -> tuple[str, ...]:
    """Return what an operator should hear: warnings, and the advice about an even number of replicas."""
    return tuple(
        line.message for line in lines if line.level is Level.WARNING or _EVEN_NUMBER.search(line.message)
    )


def why_failed(status: int, lines: Iterable[LogLine]) -> str | None:
    """Return why a command failed, in its own words if it has any; None when it did its work.

    A fatal line means failure whatever the exit status is.
    """
    kept = [line for line in lines if line.message and not line.message.startswith(_ENGINE_HINT)]
    fatal = [line.message for line in kept if line.level is Level.FATAL]
    if fatal:
        return fatal[-1]
    if status == 0:
        return None
    errors = [line.message for line in kept if line.level is Level.ERROR] or [line.message for line in kept]
    return f"it ended with status {status}: {errors[-1] if errors else 'it said nothing'}"


def parse_images(stdout: str) -> tuple[str, ...]:
    """Return the image references that the `images` command lists, one a line."""
    lines = (_COLOUR.sub("", line).strip() for line in stdout.splitlines())
    return tuple(line for line in lines if re.fullmatch(r"[\w./:@-]+:[\w.-]+", line))
