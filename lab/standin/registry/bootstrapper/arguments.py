"""Parses the command line: a flag wins over its environment name."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from registry import version
from registry.bootstrapper.options import COMMANDS, NUMBER, SWITCH, Option, commands, options_of

Options = dict[str, Any]
_FALSE = ("", "0", "false", "False")


class BadArgumentError(Exception):
    """A command line that cannot be understood."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]  # it ends with the vendor's words, not with an exit of argparse
        raise BadArgumentError(message)


def parse(arguments: Sequence[str], environment: Mapping[str, str]) -> tuple[str, Options]:
    """Return the command and the value of each of its options; None or False where nothing is given."""
    parsed = vars(_parser().parse_args(arguments))
    command = parsed.pop("command", None)
    if command is None:
        raise BadArgumentError("a command is needed: " + ", ".join(commands()))
    for option in options_of(command):
        if parsed[option.key] is None:
            parsed[option.key] = _from_environment(option, environment)
    return command, parsed


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="docker run -it --rm <image>",
        description="Docker Trusted Registry bootstrapper",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"DTR {version.current()} (stand-in)")
    known = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    for name in commands():
        text = COMMANDS[name][0]
        sub = known.add_parser(name, help=text, description=text, allow_abbrev=False)
        for option in options_of(name):
            _add(sub, option)
    return parser


def _add(parser: argparse.ArgumentParser, option: Option) -> None:
    text = option.help + "".join(f" [${name}]" for name in option.envs()[:1])
    if option.flag == "--help-extended":
        parser.add_argument(option.flag, action="help", help=text, default=None)
    elif option.kind == SWITCH:
        names = (option.flag, *option.aliases)
        parser.add_argument(
            *names, dest=option.key, action="store_const", const=True, default=None, help=text
        )
    else:
        kind = int if option.kind == NUMBER else str
        parser.add_argument(option.flag, type=kind, default=None, help=text)


def _from_environment(option: Option, environment: Mapping[str, str]) -> Any:
    found = next((environment[name] for name in option.envs() if name in environment), None)
    if option.kind == SWITCH:
        return found is not None and found not in _FALSE
    if option.kind == NUMBER and found is not None:
        return _number(option, found)
    return found or None


def _number(option: Option, text: str) -> int | None:
    try:
        return int(text) if text else None
    except ValueError as exc:
        raise BadArgumentError(f"{option.env}: {text!r} is no number") from exc
