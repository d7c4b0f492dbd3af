"""Rows of table `repositories`."""

import re
import uuid
from typing import Any

from registry.tables import JsonRow

_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
EDITABLE = {
    "shortDescription": str, "longDescription": str, "visibility": str, "scanOnPush": bool,
    "immutableTags": bool, "enableManifestLists": bool, "tagLimit": int,
}  # fmt: skip
VISIBILITIES = ("public", "private")


def valid_name(text: str) -> bool:
    """Tell whether a repository may have this name."""
    return _NAME.fullmatch(text) is not None


def key(namespace: str, name: str) -> str:
    """Return the primary key of a repository."""
    return f"{namespace}/{name}"


def new(namespace: str, name: str, given: dict[str, Any]) -> JsonRow:
    """Return the row of a new repository; it is private unless the given values say otherwise."""
    row: JsonRow = {
        "pk": key(namespace, name), "id": str(uuid.uuid4()), "namespace": namespace, "name": name,
        "namespaceType": given.get("namespaceType", "user"), "shortDescription": "", "longDescription": "",
        "visibility": "private", "scanOnPush": False, "immutableTags": False, "enableManifestLists": True,
        "tagLimit": 0, "pulls": 0, "pushes": 0,
    }  # fmt: skip
    return edited(row, given)


def edited(row: JsonRow, given: dict[str, Any]) -> JsonRow:
    """Return the row with the given values that may be edited."""
    return row | {name: given[name] for name in EDITABLE if name in given}


def problem(given: dict[str, Any]) -> str | None:
    """Return what is wrong with the given values, None when nothing is."""
    for name, kind in EDITABLE.items():
        if name in given and type(given[name]) is not kind:
            return f"{name} must be of type {kind.__name__}"
    if given.get("visibility", "private") not in VISIBILITIES:
        return "visibility must be public or private"
    return None


def shown(row: JsonRow) -> dict[str, Any]:
    """Return the row as the API shows it."""
    return {name: value for name, value in row.items() if name != "pk"}
