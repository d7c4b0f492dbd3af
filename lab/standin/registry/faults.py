"""Switches that make the stand-in fail in a chosen way.

A switch is a key in the cluster's database below `/faults/`. The lab sets it with
`docker exec dtr-rethinkdb-<id> etcdctl --endpoints http://127.0.0.1:28015 put /faults/<name> <value>`
and deletes it to heal.

| name | value | effect |
| --- | --- | --- |
| `backup-truncated` | `1` | `backup` stops in the middle of a file and still ends with exit status 0 |
| `no-licence` | `1` | the cluster's licence is gone: nothing can be pushed |
| `gc-endless` | `1` | garbage collection begins, and goes on as long as this is set |
| `gc-grace-seconds` | a number | how long garbage collection spares blobs that no manifest ever named (3600) |
"""

from registry.etcd import Etcd

BACKUP_TRUNCATED = "backup-truncated"
NO_LICENCE = "no-licence"
GC_ENDLESS = "gc-endless"
GC_GRACE_SECONDS = "gc-grace-seconds"
_PREFIX = "/faults/"


async def value(database: Etcd, name: str, *, local: bool = False) -> str | None:
    """Return the value of a switch, None when it is off; `local` is cheap and may be a moment old."""
    row = await database.get(_PREFIX + name, local=local)
    return row.value.decode() if row else None


async def is_on(database: Etcd, name: str, *, local: bool = False) -> bool:
    """Tell whether a switch is set to 1."""
    return await value(database, name, local=local) == "1"
