"""Log lines of the one-shot commands, as logrus writes them where there is no terminal; all on stderr."""

import datetime as dt
import json
import sys


class Log:
    """Writes text lines, or JSON with `--jsonlog`."""

    def __init__(self, *, as_json: bool = False) -> None:
        self._as_json = as_json
        self.lines: list[str] = []

    def info(self, text: str) -> None:
        """Write what happens."""
        self._write("info", text)

    def fatal(self, text: str) -> None:
        """Write why the command ends."""
        self._write("fatal", text)

    def _write(self, level: str, text: str) -> None:
        now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        line = f'time="{now}" level={level} msg={json.dumps(text)}'
        if self._as_json:
            line = json.dumps({"level": level, "msg": text, "time": now})
        self.lines.append(line)
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
