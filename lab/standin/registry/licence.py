"""The cluster's licence: without one nothing can be pushed."""

from registry import faults, properties
from registry.tables import Tables

REFUSAL = "DTR doesn't have a license"


async def is_there(tables: Tables) -> bool:
    """Tell whether pushes are allowed: an empty licence forbids them, a cluster that has no such row is licensed."""
    if await faults.is_on(tables.database, faults.NO_LICENCE, local=True):
        return False
    stored = await tables.property(properties.LICENSE, local=True)
    return stored is None or bool(stored)
