"""The page of every setting of a cluster file, written from the settings themselves.

`python -m deployments.reference > docs/cluster-file.md` brings the page up to date; a test compares both.
"""

import inspect
import sys
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from blocks.settings import ClusterSettings

_INTRODUCTION = """\
# The cluster file: every setting

Written from the settings themselves, and a test compares both.
Whole files to begin with: [deployments/examples](../deployments/examples).

- *required* is meant within its part: a part that may be left out demands nothing while it is left out.
- A setting without a default may be left out. `[]` marks an entry of a list.
- Secrets are named and never written: `env:NAME`, `file:PATH`, or `block:NAME` (a Prefect Secret block).
- Paths are relative to the folder of the cluster file.
- An unknown setting is refused, and so are settings that do not fit together; all problems are told at once.
"""


def page() -> str:
    """Return the whole page."""
    top = [row for row in rows(ClusterSettings) if "." not in row[0]]
    return "\n".join([_INTRODUCTION, *_table(top), *_parts(), ""])


def rows(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield path, meaning and default of each setting of a part, and of the parts in it."""
    for name, field in model.model_fields.items():
        if get_origin(field.annotation) is Literal:
            continue  # nothing to choose
        path = f"{prefix}{field.alias or name}"
        inner, is_list = _part_of(field.annotation)
        path += "[]" if inner and is_list else ""
        yield path, _meaning(field, inner), _default(field)
        if inner:
            yield from rows(inner, f"{path}.")


def _parts() -> Iterator[str]:
    for name, field in ClusterSettings.model_fields.items():
        part, is_list = _part_of(field.annotation)
        if part:
            yield from (f"\n## {name}\n", _meaning(field, part) + "\n")
            yield from _table(rows(part, f"{name}[]." if is_list else f"{name}."))


def _table(shown: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    yield from ("| setting | what it is | default |", "| --- | --- | --- |")
    for path, meaning, default in shown:
        yield f"| `{path}` | {meaning} | {default} |"


def _part_of(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """Return the settings that stand below one, None where it is a plain value, and whether it is a list of them."""
    if inspect.isclass(annotation) and not get_args(annotation):
        return (annotation if issubclass(annotation, BaseModel) else None), False
    is_list = get_origin(annotation) is list
    found = [part for argument in get_args(annotation) if (part := _part_of(argument)[0])]
    return (found[0] if found else None), is_list


def _meaning(field: FieldInfo, part: type[BaseModel] | None) -> str:
    text = field.description or (part and inspect.getdoc(part)) or ""
    return text.replace("|", "\\|")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "*required*"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or isinstance(value, BaseModel | list | dict) or value == "":
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value.value if isinstance(value, Enum) else value}`"


if __name__ == "__main__":
    sys.stdout.write(page())
