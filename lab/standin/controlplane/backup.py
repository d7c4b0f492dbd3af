"""The command `backup`: the state of this control plane as a tar on stdout, or in a file."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from controlplane import VERSION
from controlplane.backup_archive import entries, packed
from controlplane.engine_socket import Engine, EngineError
from controlplane.log_lines import Log
from controlplane.openpgp import encrypted

CONTROLLER = "ucp-controller"
TRUNCATED = "faults/backup-truncated"
LEAST_PASSPHRASE = 12
_MOUNTED = Path("/backup")


class CannotBackUpError(Exception):
    """Why there is no backup; the text becomes the last line."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise CannotBackUpError(message)


def main(arguments: Sequence[str], engine: Engine | None = None) -> int:
    """Return the exit status of `backup` with these arguments."""
    log = Log(as_json="--jsonlog" in arguments)
    try:
        options = _parse(arguments)
        _run(options, engine or Engine(), log)
    except (CannotBackUpError, EngineError) as exc:
        log.fatal(str(exc))
        return 1
    return 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(prog="docker run … backup", description="Back up the control plane", allow_abbrev=False)
    parser.add_argument("--debug", "-D", action="store_true")
    parser.add_argument("--jsonlog", action="store_true")
    parser.add_argument("--file", help="write here and not to stdout; relative to the bind mount /backup")
    parser.add_argument("--include-logs", type=_boolean, nargs="?", const=True, default=True)
    parser.add_argument("--passphrase", help=f"encrypt with it, {LEAST_PASSPHRASE} characters or more")
    parser.add_argument("--no-passphrase", action="store_true", help="do not encrypt")
    options = parser.parse_args(arguments)
    _require_passphrase(options)
    return options


def _require_passphrase(options: argparse.Namespace) -> None:
    if options.no_passphrase == (options.passphrase is not None):
        raise CannotBackUpError("give either --passphrase or --no-passphrase")
    if options.passphrase is not None and len(options.passphrase) < LEAST_PASSPHRASE:
        raise CannotBackUpError(f"the passphrase must have {LEAST_PASSPHRASE} characters or more")


def _boolean(text: str) -> bool:
    known = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in known:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return known[text.lower()]


def _run(options: argparse.Namespace, engine: Engine, log: Log) -> None:
    log.info(f"This is a lab stand-in of the control plane, version {VERSION}; it is neither UCP nor MKE")
    running = engine.containers()
    _require_alone([each for each in running if _is_backup(each)], engine)
    if not any(f"/{CONTROLLER}" in each["Names"] for each in running):
        raise CannotBackUpError(f"no {CONTROLLER} runs on this node: run the backup on a manager")
    state, pki = engine.files(CONTROLLER, "/state"), engine.files(CONTROLLER, "/pki")
    log.info("Backing up the accounts, the configuration and the certificates")
    data = packed(entries(state, pki, int(time.time() * 1000)))
    if options.passphrase is not None:
        data = encrypted(data, options.passphrase)
    if TRUNCATED in state:  # ends within a file and lets nobody notice
        _write(options, data[: len(data) // 2 - 1], log)
        return
    log.info(f"Backup of {len(data)} bytes is complete")
    _write(options, data, log)


def _require_alone(backups: list[dict[str, Any]], engine: Engine) -> None:
    """Fail if a backup that began before this one still runs: a control plane makes one at a time."""
    own = os.environ.get("HOSTNAME", "")  # the beginning of this container's identifier
    if len(backups) > 1:
        first = min(backups, key=lambda each: engine.created(each["Id"]))
        if not first["Id"].startswith(own):
            raise CannotBackUpError("unable to back up: another backup is running")


def _is_backup(container: dict[str, Any]) -> bool:
    command = str(container["Command"]).split()
    return "controlplane" in command and "backup" in command


def _write(options: argparse.Namespace, data: bytes, log: Log) -> None:
    if options.file is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    target = _MOUNTED / options.file
    try:
        target.write_bytes(data)
        if options.include_logs:
            (target.parent / "backup.log").write_text("\n".join(log.lines) + "\n")
    except OSError as exc:
        raise CannotBackUpError(f"{target}: {exc.strerror}; is {target.parent} a bind mount?") from exc
