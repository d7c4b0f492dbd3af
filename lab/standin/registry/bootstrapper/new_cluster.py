"""Steps of a cluster that begins: install and restore."""

import uuid
from typing import Any
from urllib.parse import urlsplit

from registry import certificates, cluster, health, properties
from registry.bootstrapper import registration, steps
from registry.bootstrapper.target import HTTPS_PORT
from registry.bootstrapper.workplace import Site
from registry.cluster import Replica
from registry.tables import Tables

_SETTING_OF_FLAG = {
    "http_proxy": "httpProxy", "https_proxy": "httpsProxy", "no_proxy": "noProxy", "log_protocol": "logProtocol",
    "log_host": "logHost", "log_level": "logLevel", "enable_client_cert_auth": "clientCertAuthEnabled",
    "client_cert_auth_ca": "webTLSClientCA",
}  # fmt: skip


async def prepare_node(site: Site) -> None:
    """Leave the node with network, volumes and an empty database."""
    site.console.info("Verifying your system is compatible with DTR")
    site.console.info("Checking if the node is okay to install on")
    await steps.reach_network(site)
    await steps.set_up_volumes(site)
    site.console.info("Creating initial CA certificates")
    await steps.bootstrap_database(site)
    await cluster.forget_all(site.database())
    await health.forget_all(site.database())


def settings_of(site: Site) -> dict[str, Any]:
    """Return the settings that the flags give."""
    given = {
        setting: site.options[flag]
        for flag, setting in _SETTING_OF_FLAG.items()
        if site.options.get(flag) not in (None, False)  # an empty text takes a setting away
    }
    url = site.options.get("dtr_external_url")
    return given | ({"dtrHost": external_host(url), "sso": True} if url else {})


def external_host(url: str) -> str:
    """Return host and port of an external URL, whose scheme may be left out."""
    return urlsplit(url if "://" in url else f"//{url}").netloc


async def write_properties(site: Site, tables: Tables) -> None:
    """Leave the database with what a new cluster knows."""
    signer = certificates.new_authority("dtr token signing")
    values = {
        properties.TOKEN_SIGNING: {"certificate": signer.certificate, "key": signer.key},
        properties.HTTP_SECRET: properties.new_secret(),
        properties.SERVICE_ID: str(uuid.uuid4()),
        properties.LICENSE: {"tier": "lab", "expiration": "2099-01-01T00:00:00Z"},
        properties.STORAGE: properties.default_storage(),
        properties.SETTINGS: properties.DEFAULT_SETTINGS | settings_of(site),
        properties.CONTROL_PLANE: site.ucp.connection.to_json(),
        properties.SCHEMA: properties.SCHEMA_VERSION,
    }
    for name, value in values.items():
        await tables.set_property(name, value)
    site.console.info("License config copied from UCP.")
    for cron in properties.default_crons():
        await tables.put("crons", cron)


async def finish(site: Site, mount: str) -> None:
    """Leave the replica serving, known to the cluster and to the control plane."""
    tables = site.tables()
    await cluster.register(site.database(), Replica(site.replica, site.node, site.http_port, site.https_port))
    await steps.start_services(site, mount)
    site.console.info("Trying to get the kv store connection back after reconfigure")
    await steps.wait_until_healthy(site)
    site.console.info("Verifying auth settings...")
    settings = await tables.property(properties.SETTINGS)
    await registration.register(site, tables, settings["dtrHost"] or await address_of(site))


async def address_of(site: Site) -> str:
    """Return where the replica is reached when no external URL was given."""
    address = next(node.address for node in await site.ucp.nodes() if node.name == site.node)
    return address if site.https_port == HTTPS_PORT else f"{address}:{site.https_port}"


def say_complete(site: Site, what: str) -> None:
    """Write the last lines of install and restore."""
    site.console.info(f"{what} is complete")
    site.console.info(f"Replica ID is set to: {site.replica}")
    site.console.info(
        f"You can use flag '--existing-replica-id {site.replica}' when joining other replicas to your "
        "Docker Trusted Registry Cluster"
    )
