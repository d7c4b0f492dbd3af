"""What is wrong with what an operator wrote, in words: each field's problems, and those that no single field shows."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

Path = tuple[int | str, ...]
M = TypeVar("M", bound=BaseModel)
NO_SUCH_SETTING = "no such setting"
_GROUP = "must be a group of settings, each `name: value`"
_KINDS = {
    "missing": "is missing",
    "string_type": "must be text; write a number in quotes",
    "model_type": _GROUP,
    "model_attributes_type": _GROUP,
    "dict_type": _GROUP,
    "list_type": "must be a list",
}
"""Pydantic's kinds of errors whose own words an operator would not understand."""
_PATTERNS = {  # the first whose part stands in Pydantic's message, which quotes the pattern
    "elasticloadbalancing": "must be the ARN of a target group: arn:aws:elasticloadbalancing:…:targetgroup/…",
    "'^https://": "must begin with https://",
    "'^nfs://": "must be nfs://HOST/PATH",
    "^(file:///|s3://)": "must be file:///FOLDER or s3://BUCKET[/PREFIX]",
    r"'^\d+\.\d+\.\d+$'": "must be three numbers, such as 2.9.29",
    "'^[a-z0-9][a-z0-9-]*$'": "must be made of small letters, digits and -",
}


@dataclass(frozen=True)
class Problem:
    """What is wrong, and at which path of the document."""

    path: Path
    what: str


def validated(handler: Callable[[Any], M], data: Any, problems: Iterable[Problem]) -> M:
    """Return the model of `data`; a ValidationError names its fields' problems and `problems`, all at once.

    A validator that runs after the fields would be skipped as soon as one field is wrong.
    """
    found = [_detail("cluster_file", problem.path, problem.what) for problem in problems]
    try:
        model = handler(data)
    except ValidationError as exc:
        found = [_detail(error["type"], error["loc"], error["msg"]) for error in exc.errors()] + found
    else:
        if not found:
            return model
    raise ValidationError.from_exception_data("cluster file", found)


def problems_in(
    error: ValidationError, whole: str, unknown: Callable[[Path], str] = lambda _path: NO_SUCH_SETTING
) -> list[str]:
    """Return every problem as `path: what is wrong`; `whole` stands where it is in no single field.

    `unknown` says what to tell of a setting that there is not.
    """
    return [f"{path_text(found['loc']) or whole}: {_what(found, unknown)}" for found in error.errors()]


def path_text(path: Path) -> str:
    """Render a path as an operator would write it: `nodes[2].address`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def _what(error: Any, unknown: Callable[[Path], str]) -> str:
    kind, said = error["type"], str(error["msg"]).removeprefix("Value error, ")
    if kind == "extra_forbidden":
        return unknown(error["loc"])
    if kind == "string_pattern_mismatch":
        return next((words for part, words in _PATTERNS.items() if part in said), said)
    return _KINDS.get(kind, said)


def _detail(kind: Any, path: Path, what: Any) -> InitErrorDetails:
    """Return the problem without its input, which may be a secret."""
    return InitErrorDetails(type=PydanticCustomError(kind, what), loc=path, input=None)
