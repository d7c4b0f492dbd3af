"""Reads from the database what a replica's registry must run with."""

from registry import properties
from registry.storage_settings import RegistrySettings
from registry.tables import Tables


async def wanted(tables: Tables, *, local: bool = False) -> RegistrySettings | None:
    """Return the settings that every registry of the cluster must run with, None before an install."""
    document = await tables.property(properties.STORAGE, local=local)
    secret = await tables.property(properties.HTTP_SECRET, local=local)
    if document is None or secret is None:
        return None
    hub = await tables.property(properties.SETTINGS, local=local) or {}
    return RegistrySettings(document, secret, bool(hub.get("readOnlyRegistry")))
