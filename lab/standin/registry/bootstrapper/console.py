"""What the bootstrapper prints and asks: log lines in the vendor's format, prompts, all on stderr."""

import os
import sys
import time
from typing import Any, NoReturn

_WIDTH = 44
_COLOURS = {"INFO": 36, "WARN": 33, "ERRO": 31, "FATA": 31, "DEBU": 37}


class FatalError(Exception):
    """The command cannot go on; the text becomes its last line."""


def line(level: str, seconds: int, text: str, fields: dict[str, Any]) -> str:
    """Return a log line: level, clock, text padded to a fixed width, fields."""
    tail = "".join(f" {name}={value}" for name, value in fields.items())
    return f"{level}[{seconds:04d}] {text:<{_WIDTH}}{tail}"


class Console:
    """Writes log lines with a clock that starts now, and reads answers from stdin."""

    def __init__(self, *, debug: bool = False, colour: bool = False) -> None:
        self._begin = time.monotonic()
        self._debug = debug
        self._colour = colour

    def _write(self, level: str, text: str, fields: dict[str, Any]) -> None:
        written = line(level, int(time.monotonic() - self._begin), text, fields)
        if self._colour:
            written = f"\x1b[{_COLOURS[level]}m{level}\x1b[0m{written[len(level) :]}"
        sys.stderr.write(written + "\n")
        sys.stderr.flush()

    def debug(self, text: str, **fields: Any) -> None:
        """Write a line that only --debug shows."""
        if self._debug:
            self._write("DEBU", text, fields)

    def info(self, text: str, **fields: Any) -> None:
        """Write what happens."""
        self._write("INFO", text, fields)

    def warn(self, text: str, **fields: Any) -> None:
        """Write what the operator should know."""
        self._write("WARN", text, fields)

    def error(self, text: str, **fields: Any) -> None:
        """Write what went wrong."""
        self._write("ERRO", text, fields)

    def fatal(self, text: str) -> None:
        """Write why the command ends."""
        self._write("FATA", text, {})

    def ask(self, name: str, question: str, default: str = "") -> str:
        """Return one line of stdin; with nothing there the default, and without a default a failure."""
        _prompt(f"{name} ({question}): " if question else f"{name}: ")
        answer = _read_line().strip() or default
        if not answer:
            raise FatalError(f"Failed to read {name}: EOF")
        return answer

    def choose(self, purpose: str, choices: list[str]) -> str:
        """Return the chosen replica, the first when nothing is typed."""
        _prompt(f"Choose a replica to {purpose} [{choices[0]}]: ")
        return _read_line().strip() or choices[0]

    def confirm(self, question: str) -> None:
        """Return when yes is typed; anything else, nothing too, ends the command."""
        _prompt(f"{question} [y/N]: ")
        if _read_line().strip().lower() not in ("y", "yes"):
            raise FatalError("Not confirmed, nothing was changed; answer yes or give --yes")

    def ask_password(self) -> str:
        """Return a password typed at a terminal; an error where there is none."""
        _prompt("ucp-password: ")
        if not sys.stdin.isatty():
            self._no_terminal()
        return _read_line().rstrip("\n")

    def _no_terminal(self) -> NoReturn:
        reason = "cannot prompt for a password because the container was not started in tty mode (-t)"
        self.error(reason)
        raise FatalError(f"Failed to get ucp-password: {reason}")


def _prompt(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def _read_line() -> str:
    """Return a line of stdin without reading beyond it; empty at its end."""
    line_read = b""
    while not line_read.endswith(b"\n"):
        byte = os.read(sys.stdin.fileno(), 1)
        if not byte:
            break
        line_read += byte
    return line_read.decode(errors="replace")
