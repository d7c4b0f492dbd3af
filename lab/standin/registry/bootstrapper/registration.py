"""Makes the registry known to the control plane, as a `[[registries]]` table of its configuration."""

import re
import tomllib

from registry import properties
from registry.bootstrapper.workplace import Site
from registry.tables import Tables

_TABLE = re.compile(r"^\[\[registries\]\][^\n]*\n(?:(?!^\[)[^\n]*\n?)*", re.MULTILINE)


async def register(site: Site, tables: Tables, host: str) -> None:
    """Leave the control plane trusting the registry at this host."""
    stored = await tables.property(properties.CERTIFICATES)
    service_id = await tables.property(properties.SERVICE_ID)
    entry = registry_table(host, service_id, stored["ca"])
    await site.ucp.put_config_toml(with_registry(await site.ucp.config_toml(), host, service_id, entry))
    site.console.info("Successfully registered dtr with UCP")


def registry_table(host: str, service_id: str, authority: str) -> str:
    """Return the table of a registry."""
    return (
        f'[[registries]]\n  host_address = "{host}"\n  service_id = "{service_id}"\n'
        f'  ca_bundle = """\n{authority.strip()}\n"""\n'
    )


def with_registry(text: str, host: str, service_id: str, entry: str) -> str:
    """Return the configuration with this registry, which replaces one of the same host or service."""

    def keep(table: re.Match[str]) -> str:
        registry = tomllib.loads(table[0])["registries"][0]
        same = registry.get("host_address") == host or registry.get("service_id") == service_id
        return "" if same else table[0]

    rest = _TABLE.sub(keep, text).rstrip("\n")
    return f"{rest}\n\n{entry}" if rest else entry
