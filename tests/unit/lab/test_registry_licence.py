"""A registry without a licence serves what it has and takes no push."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest
from registry import licence, nginx
from registry.etcd import Row
from registry.tables import Tables, path

LICENCE = path("properties", "license")
SWITCH = "/faults/no-licence"


@dataclass(frozen=True)
class Database:
    """Rows that never change."""

    rows: dict[str, bytes]

    async def get(self, key: str, *, local: bool = False) -> Row | None:
        return Row(key, self.rows[key], 1, 1) if key in self.rows else None


def row(value: Any) -> bytes:
    return json.dumps({"key": "license", "value": value}).encode()


@pytest.mark.parametrize(
    ("rows", "licensed"),
    [
        ({}, True),
        ({LICENCE: row({"tier": "lab"})}, True),
        ({LICENCE: row({})}, False),
        ({LICENCE: row({"tier": "lab"}), SWITCH: b"1"}, False),
    ],
)
def test_a_licence_is_missing_where_install_found_none_or_a_switch_says_so(
    rows: dict[str, bytes], licensed: bool
) -> None:
    database: Any = Database(rows)
    assert asyncio.run(licence.is_there(Tables(database))) is licensed


def test_only_a_registry_without_a_licence_answers_with_402() -> None:
    assert "return 402" not in nginx.configuration("0123456789ab")
    refusing = nginx.configuration("0123456789ab", licensed=False)
    assert refusing.count('return 402 "DTR doesn\'t have a license"') == 2
