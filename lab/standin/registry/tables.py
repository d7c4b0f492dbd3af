"""The tables of database `dtr2`, as rows of JSON under `/dtr2/<table>/<primary key>`."""

import json
from collections.abc import AsyncIterator
from typing import Any

from registry.etcd import Etcd

TABLES = (
    "client_tokens", "poll_mirroring_policies", "promotion_policies", "content_caches", "webhooks", "tags",
    "events", "manifests", "scanned_layers", "layer_vuln_overrides", "changefeed", "scanned_images",
    "blob_links", "namespace_team_access", "tuf_files", "properties", "helm_charts", "pruning_policies",
    "repository_team_access", "push_mirroring_policies", "repositories", "user_settings", "metrics",
    "blobs", "crons", "private_keys",
)  # fmt: skip
SCAN_TABLES = ("scanned_images", "scanned_layers")
_PRIMARY_KEY = {"properties": "key", "blobs": "sha256sum", "crons": "action", "client_tokens": "hashedToken"}

JsonRow = dict[str, Any]


def primary_key(table: str, row: JsonRow) -> str:
    """Return the primary key that a row of this table carries."""
    return str(row[_PRIMARY_KEY.get(table, "pk")])


def path(table: str, key: str = "") -> str:
    """Return the database key of a row, or with no key the prefix of the table."""
    return f"/dtr2/{table}/{key}"


def dump(row: JsonRow) -> bytes:
    """Return the stored form of a row."""
    return json.dumps(row, sort_keys=True, separators=(",", ":")).encode()


class Tables:
    """Typed access to rows; every call is one request to the database."""

    def __init__(self, database: Etcd) -> None:
        self.database = database

    async def get(self, table: str, key: str, *, local: bool = False) -> JsonRow | None:
        """Return a row, None when it does not exist; `local` is cheap and may be a moment old."""
        row = await self.database.get(path(table, key), local=local)
        return json.loads(row.value) if row else None

    async def put(self, table: str, row: JsonRow) -> None:
        """Leave the row in its table."""
        await self.database.put(path(table, primary_key(table, row)), dump(row))

    async def put_all(self, rows: list[tuple[str, JsonRow]]) -> None:
        """Leave the (table, row) pairs in their tables, all at once."""
        await self.database.put_all(
            [(path(table, primary_key(table, row)), dump(row)) for table, row in rows]
        )

    async def add(self, table: str, row: JsonRow) -> bool:
        """Insert a row; False when its key is taken."""
        return await self.database.put_if(path(table, primary_key(table, row)), dump(row), 0)

    async def delete(self, table: str, key: str) -> None:
        """Leave no such row."""
        await self.database.delete(path(table, key))

    async def rows(self, table: str, prefix: str = "") -> AsyncIterator[JsonRow]:
        """Yield the rows whose key begins with the prefix, in key order."""
        async for row in self.database.rows(path(table, prefix)):
            yield json.loads(row.value)

    async def clear(self, table: str, prefix: str = "") -> None:
        """Leave no row whose key begins with the prefix."""
        await self.database.delete_below(path(table, prefix))

    async def property(self, name: str, *, local: bool = False) -> Any:
        """Return the value of a property, None when it was never set."""
        row = await self.get("properties", name, local=local)
        return row["value"] if row else None

    async def set_property(self, name: str, value: Any) -> None:
        """Leave a property with this value."""
        await self.put("properties", {"key": name, "value": value})
