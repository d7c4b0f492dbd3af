"""`/_ping`, `/health`, `/ca` and `cluster_status`."""

import asyncio
from http import HTTPStatus
from typing import Any

from aiohttp import web

from registry import health, names, properties
from registry.api import access
from registry.etcd import Member
from registry.replica_context import Context
from registry.service import CONTEXT

_NOT_READY = (
    "Table `dtr2.properties` is available for reads and writes, but some replicas are not ready. "
    "The following servers are not reachable: "
)


async def ping(request: web.Request) -> web.Response:
    """Answer 200 when this replica can serve, 503 with the reason when it cannot."""
    problem = await health.problem(request.app[CONTEXT])
    status = HTTPStatus.SERVICE_UNAVAILABLE if problem else HTTPStatus.OK
    return web.json_response({"Error": problem, "Healthy": not problem}, status=status)


async def simple_health(request: web.Request) -> web.Response:
    """Answer as `/_ping` does, with the older keys."""
    problem = await health.problem(request.app[CONTEXT])
    status = HTTPStatus.SERVICE_UNAVAILABLE if problem else HTTPStatus.OK
    return web.json_response({"error": problem, "healthy": not problem}, status=status)


async def authority(request: web.Request) -> web.Response:
    """Answer with the certificate authority that signed the registry's certificate."""
    stored = await access.tables(request).property(properties.CERTIFICATES)
    return web.Response(text=stored["ca"], content_type="application/x-pem-file")


async def cluster_status(request: web.Request) -> web.Response:
    """Answer with the cached health of every replica and the state of the database's servers."""
    await access.administrator(request)
    running_in: Context = request.app[CONTEXT]
    reports = [report async for report in health.reports(running_in.database)]
    holder = await running_in.database.get("/gc/lock")
    return web.json_response(
        {
            "rethink_system_tables": await _system_tables(running_in),
            "replica_health": {report.replica: report.judged() for report in reports},
            "replica_timestamp": {report.replica: report.at for report in reports},
            "replica_readonly": {report.replica: report.read_only for report in reports},
            "gc_lock_holder": holder.value.decode() if holder else "",
        }
    )


async def _system_tables(running_in: Context) -> dict[str, Any]:
    members = [member for member in await running_in.database.members() if member.name]
    urls = [f"{member.peer_url.rsplit(':', 1)[0]}:{names.DATABASE_PORT}/health" for member in members]
    live = await asyncio.gather(*(health.answers(running_in.session, url) for url in urls))
    reachable = {member.name: up for member, up in zip(members, live, strict=True)}
    lost = [name for name, up in reachable.items() if not up]
    return {
        "cluster_config": [{"id": "heartbeat", "heartbeat_timeout_secs": 10}],
        "current_issues": [_issue(name) for name in lost],
        "db_config": [{"name": name} for name in ("dtr2", "jobrunner")],
        "server_status": [_server_status(member, reachable) for member in members if reachable[member.name]],
    }


def _issue(server: str) -> dict[str, Any]:
    return {"critical": True, "type": "table_availability", "description": _NOT_READY + server}


def _server_status(member: Member, reachable: dict[str, bool]) -> dict[str, Any]:
    host = member.peer_url.removeprefix("http://").rsplit(":", 1)[0]
    address = {"host": f"{host}.{names.NETWORK}", "port": names.CLUSTER_PORT}
    others = {name: up for name, up in reachable.items() if name != member.name}
    network = {
        "canonical_addresses": [address], "cluster_port": names.CLUSTER_PORT,
        "reql_port": names.DATABASE_PORT, "hostname": host, "connected_to": others,
    }  # fmt: skip
    return {"id": member.id, "name": member.name, "network": network}


ROUTES = [
    web.get("/_ping", ping),
    web.get("/health", simple_health),
    web.get("/ca", authority),
    web.get("/api/v0/meta/cluster_status", cluster_status),
]
