"""What is wrong with what an operator wrote, in words: each field's problems, and those that no single field shows."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

Path = tuple[int | str, ...]
M = TypeVar("M", bound=BaseModel)


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


def problems_in(error: ValidationError, whole: str) -> list[str]:
    """Return every problem as `path: what is wrong`; `whole` stands where it is in no single field."""
    return [f"{path_text(found['loc']) or whole}: {_what(found)}" for found in error.errors()]


def path_text(path: Path) -> str:
    """Render a path as an operator would write it: `nodes[2].address`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def _what(error: Any) -> str:
    return str(error["msg"]).removeprefix("Value error, ")


def _detail(kind: Any, path: Path, what: Any) -> InitErrorDetails:
    """Return the problem without its input, which may be a secret."""
    return InitErrorDetails(type=PydanticCustomError(kind, what), loc=path, input=None)
