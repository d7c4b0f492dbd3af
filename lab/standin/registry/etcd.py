"""A client of one database member, over etcd's JSON gateway."""

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp

_TIMEOUT = aiohttp.ClientTimeout(total=6)
_PAGE = 500


class DatabaseUnavailableError(Exception):
    """The member does not answer, or has no quorum behind it."""


class DatabaseRefusedError(Exception):
    """The member refused the request."""


@dataclass(frozen=True)
class Row:
    """A key with its value and the revisions of its creation and last change."""

    key: str
    value: bytes
    created: int
    changed: int


@dataclass(frozen=True)
class Member:
    """A member of the database cluster."""

    id: str
    name: str
    peer_url: str
    learner: bool


def encode(text: str | bytes) -> str:
    """Return the base64 form that the gateway wants."""
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def _after_prefix(prefix: str) -> bytes:
    raw = bytearray(prefix.encode())
    raw[-1] += 1
    return bytes(raw)


def _row(item: dict[str, Any]) -> Row:
    return Row(
        base64.b64decode(item["key"]).decode(),
        base64.b64decode(item.get("value", "")),
        int(item["create_revision"]),
        int(item["mod_revision"]),
    )


def _member(item: dict[str, Any]) -> Member:
    return Member(item["ID"], item.get("name", ""), item["peerURLs"][0], bool(item.get("isLearner")))


class Etcd:
    """Reads and writes through one member; reads are linearizable unless told otherwise."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to one request of the gateway."""
        try:
            async with self._session.post(f"{self._url}/v3/{path}", json=body, timeout=_TIMEOUT) as answer:
                content = json.loads(await answer.read())
        except (aiohttp.ClientError, TimeoutError, ValueError) as exc:
            raise DatabaseUnavailableError(f"{self._url}: {str(exc) or type(exc).__name__}") from exc
        if "error" in content:
            raise _error_of(content)
        return dict(content)

    async def get(self, key: str, *, local: bool = False) -> Row | None:
        """Return one row; `local` asks this member alone, without quorum."""
        answer = await self.call("kv/range", {"key": encode(key), "serializable": local})
        return _row(answer["kvs"][0]) if answer.get("kvs") else None

    async def rows(self, prefix: str) -> AsyncIterator[Row]:
        """Yield the rows below a prefix in key order, page by page, each page as it is then."""
        start, end = prefix.encode(), encode(_after_prefix(prefix))
        while True:
            answer = await self.call(
                "kv/range", {"key": encode(start), "range_end": end, "limit": str(_PAGE)}
            )
            page = [_row(item) for item in answer.get("kvs", [])]
            for row in page:
                yield row
            if not answer.get("more"):
                return
            start = page[-1].key.encode() + b"\0"

    async def put(self, key: str, value: bytes | str, lease: str = "0") -> None:
        """Leave the key with this value."""
        await self.call("kv/put", {"key": encode(key), "value": encode(value), "lease": lease})

    async def put_all(self, rows: list[tuple[str, bytes]]) -> None:
        """Leave all keys with these values, at once; a hundred are not too many."""
        puts = [{"requestPut": {"key": encode(key), "value": encode(value)}} for key, value in rows]
        await self.call("kv/txn", {"success": puts})

    async def put_if(self, key: str, value: bytes | str, changed: int, lease: str = "0") -> bool:
        """Write only when the key was last changed at this revision (0: it does not exist)."""
        put = {"requestPut": {"key": encode(key), "value": encode(value), "lease": lease}}
        return await self._when_unchanged(key, changed, put)

    async def delete_if(self, key: str, changed: int) -> bool:
        """Delete only when the key was last changed at this revision."""
        return await self._when_unchanged(key, changed, {"requestDeleteRange": {"key": encode(key)}})

    async def _when_unchanged(self, key: str, changed: int, action: dict[str, Any]) -> bool:
        compare = {"key": encode(key), "target": "MOD", "result": "EQUAL", "mod_revision": str(changed)}
        answer = await self.call("kv/txn", {"compare": [compare], "success": [action]})
        return bool(answer.get("succeeded"))

    async def delete(self, key: str) -> None:
        """Leave no such key."""
        await self.call("kv/deleterange", {"key": encode(key)})

    async def delete_below(self, prefix: str) -> None:
        """Leave no key below the prefix."""
        await self.call("kv/deleterange", {"key": encode(prefix), "range_end": encode(_after_prefix(prefix))})

    async def grant(self, seconds: int) -> str:
        """Return a new lease."""
        return str((await self.call("lease/grant", {"TTL": str(seconds)}))["ID"])

    async def keep_alive(self, lease: str) -> bool:
        """Renew a lease; False when it has expired."""
        answer = await self.call("lease/keepalive", {"ID": lease})
        return int(answer.get("result", {}).get("TTL", 0)) > 0

    async def revoke(self, lease: str) -> None:
        """End a lease and delete its keys."""
        await self.call("lease/revoke", {"ID": lease})

    async def members(self) -> list[Member]:
        """Return the members that the cluster is configured with, live or not."""
        return [_member(item) for item in (await self.call("cluster/member/list", {}))["members"]]

    async def add_learner(self, peer_url: str) -> Member:
        """Add a member that has no vote yet."""
        answer = await self.call("cluster/member/add", {"peerURLs": [peer_url], "isLearner": True})
        return _member(answer["member"])

    async def promote(self, member_id: str) -> None:
        """Give a learner its vote; refused while it has not caught up."""
        await self.call("cluster/member/promote", {"ID": member_id})

    async def leader(self) -> str:
        """Return the ID of the member that leads, as this member sees it."""
        return str((await self.call("maintenance/status", {})).get("leader", ""))

    async def hand_over(self, member_id: str) -> None:
        """Make another member lead; only the member that leads now can do this."""
        await self.call("maintenance/transfer-leadership", {"targetID": member_id})

    async def remove_member(self, member_id: str) -> None:
        """Leave the cluster without that member."""
        await self.call("cluster/member/remove", {"ID": member_id})


def _error_of(content: dict[str, Any]) -> Exception:
    """Return the exception for the gateway's error: no leader and time-outs mean no quorum."""
    text = str(content["error"])
    lost = ("timed out", "no leader", "leader changed", "deadline", "unavailable", "stopped")
    if any(word in text for word in lost) or content.get("code") in (4, 14):
        return DatabaseUnavailableError(text)
    return DatabaseRefusedError(text)
