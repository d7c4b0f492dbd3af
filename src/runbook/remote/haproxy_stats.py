"""What HAProxy says of its servers on its statistics page, as one HTTP answer over a tunnel."""

import csv
import http.client
import io
import socket
from collections.abc import Mapping
from typing import cast

from runbook.domain.errors import MismatchError
from runbook.domain.load_balancer import Member

QUESTION = b"GET /;csv HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_POOL = "replicas_https"


def parse_answer(where: str, answer: bytes) -> dict[str, Member]:
    """Return the replicas in the answer to QUESTION."""
    return parse_pool(where, _body(answer).decode(errors="replace"))


def parse_pool(where: str, table: str) -> dict[str, Member]:
    """Return the replicas in HAProxy's table of statistics (CSV)."""
    if not table.startswith("# pxname,"):
        raise MismatchError(
            where,
            "its statistics page does not answer as HAProxy's does",
            "see which service listens on the statistics port, then rerun",
        )
    rows = csv.DictReader(io.StringIO(table.removeprefix("# ")))
    return {
        row["svname"]: _member(row["status"], _why(row))
        for row in rows
        if row["pxname"] == _POOL and row["svname"] != "BACKEND"
    }


def _member(status: str, why: str) -> Member:
    """Return a server that was probed and found well as up; before its first probe HAProxy calls every one up."""
    return Member(status == "UP" and not why.startswith(("INI", "*")), f"{status} ({why})")


class _Received:
    """Bytes that have come, where a socket is expected."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)


def _body(answer: bytes) -> bytes:
    response = http.client.HTTPResponse(cast(socket.socket, _Received(answer)))
    try:
        response.begin()
        return response.read()
    except http.client.HTTPException:
        return b""  # whoever answers, it is not HAProxy


def _why(row: Mapping[str, str]) -> str:
    parts = (row.get("check_status"), row.get("check_code"), row.get("last_chk") or row.get("check_desc"))
    return " ".join(part for part in parts if part)
