"""`meta/settings`, `meta/features`, `meta/alerts` and `admin/version`."""

from http import HTTPStatus
from typing import Any

from aiohttp import web

from registry import certificates, cluster, properties, service, version
from registry.api import access
from registry.certificates import KeyPair
from registry.service import CONTEXT, ApiError
from registry.tables import Tables

_CERTIFICATE_KEYS = {"webTLSCert": "certificate", "webTLSKey": "key", "webTLSCA": "ca"}


async def get_settings(request: web.Request) -> web.Response:
    """Answer with the settings of the cluster and where its replicas are."""
    await access.administrator(request)
    tables = access.tables(request)
    hub = properties.DEFAULT_SETTINGS | (await tables.property(properties.SETTINGS) or {})
    stored = await tables.property(properties.CERTIFICATES)
    shown = hub | {
        "webTLSCert": stored["certificate"],
        "webTLSCA": stored["ca"],
        "replicaID": request.app[CONTEXT].replica,
        "replicaSettings": await _replica_settings(tables),
    }
    return web.json_response(shown)


async def _replica_settings(tables: Tables) -> dict[str, Any]:
    return {
        replica.id: {"HTTPPort": replica.http_port, "HTTPSPort": replica.https_port, "node": replica.node}
        for replica in await cluster.replicas(tables.database)
    }


async def post_settings(request: web.Request) -> web.Response:
    """Save the given settings; they are applied soon after the answer."""
    await access.administrator(request)
    given = await access.body(request)
    _check(given)
    tables = access.tables(request)
    if given.keys() & _CERTIFICATE_KEYS.keys():
        await _save_certificates(tables, given)
    saved = {name: value for name, value in given.items() if name in properties.DEFAULT_SETTINGS}
    hub = await tables.property(properties.SETTINGS) or {}
    await tables.set_property(properties.SETTINGS, hub | saved)
    return web.json_response({}, status=HTTPStatus.ACCEPTED)


def _check(given: dict[str, Any]) -> None:
    for name, value in given.items():
        known = properties.DEFAULT_SETTINGS.get(name, "" if name in _CERTIFICATE_KEYS else None)
        if known is None or type(value) is not type(known):
            raise ApiError(HTTPStatus.BAD_REQUEST, "INVALID_SETTINGS", f"{name}: unknown or of a wrong type")


async def _save_certificates(tables: Tables, given: dict[str, Any]) -> None:
    stored = await tables.property(properties.CERTIFICATES)
    new = stored | {_CERTIFICATE_KEYS[name]: given[name] for name in given if name in _CERTIFICATE_KEYS}
    try:
        certificates.check_pair(KeyPair(new["certificate"], new["key"]))
    except ValueError as exc:
        raise ApiError(HTTPStatus.BAD_REQUEST, "INVALID_SETTINGS", f"webTLSCert: {exc}") from exc
    await tables.set_property(properties.CERTIFICATES, new)


async def get_features(request: web.Request) -> web.Response:
    """Answer with what this cluster can do."""
    await service.principal(request)
    tables = access.tables(request)
    plane = await tables.property(properties.CONTROL_PLANE)
    return web.json_response(
        {
            "scanningEnabled": False,
            "onlineGCEnabled": version.at_least(version.ONLINE_GC),
            "db_version": await tables.property(properties.SCHEMA),
            "ucpHost": plane["url"].removeprefix("https://"),
        }
    )


async def get_alerts(request: web.Request) -> web.Response:
    """Answer that there is nothing to warn of."""
    await access.administrator(request)
    return web.json_response([])


async def get_version(request: web.Request) -> web.Response:
    """Answer with the version of this replica."""
    await service.principal(request)
    return web.json_response({"version": version.current()})


ROUTES = [
    web.get("/api/v0/meta/settings", get_settings),
    web.post("/api/v0/meta/settings", post_settings),
    web.get("/api/v0/meta/features", get_features),
    web.get("/api/v0/meta/alerts", get_alerts),
    web.get("/api/v0/admin/version", get_version),
]
