"""Service `rethinkdb`: a member of the cluster's database. It is etcd, so that quorum is real."""

import json
import os

from registry import names

DATA = "/data"
MEMBERS = "RETHINK_MEMBERS"  # JSON: {replica ID: peer URL}
NEW_CLUSTER = "RETHINK_NEW_CLUSTER"


def arguments(replica: str, members: dict[str, str], *, new: bool) -> list[str]:
    """Return the command line of a member; a data directory that has state wins over `members`."""
    initial = ",".join(f"{names.server(each)}={url}" for each, url in members.items())
    return [
        "etcd",
        *("--name", names.server(replica)),
        *("--data-dir", DATA),
        *("--listen-client-urls", f"http://0.0.0.0:{names.DATABASE_PORT}"),
        *("--advertise-client-urls", names.database_url(replica)),
        *("--listen-peer-urls", f"http://0.0.0.0:{names.CLUSTER_PORT}"),
        *("--initial-advertise-peer-urls", names.peer_url(replica)),
        *("--heartbeat-interval", "250"),  # a busy machine must not look like a dead one
        *("--election-timeout", "2500"),
        *("--initial-cluster", initial),
        *("--initial-cluster-state", "new" if new else "existing"),
        *("--auto-compaction-mode", "revision"),
        *("--auto-compaction-retention", "10000"),
        *("--quota-backend-bytes", str(4 << 30)),
        *("--max-request-bytes", str(16 << 20)),
        # an unsafe join may cost the quorum (rule 23); a member may follow the last one at once
        "--strict-reconfig-check=false",
        *("--logger", "zap"),
        *("--log-level", "warn"),
    ]


def private_arguments(replica: str, folder: str) -> list[str]:
    """Return the command line of a lone member on a copy of the data, which nobody else reaches."""
    return [
        "etcd",
        *("--name", names.server(replica)),
        *("--data-dir", folder),
        "--force-new-cluster",
        *("--listen-client-urls", f"http://127.0.0.1:{names.DATABASE_PORT}"),
        *("--advertise-client-urls", f"http://127.0.0.1:{names.DATABASE_PORT}"),
        *("--listen-peer-urls", f"http://127.0.0.1:{names.CLUSTER_PORT}"),
        *("--logger", "zap"),
        *("--log-level", "error"),
    ]


def main() -> None:
    """Become the database member of this replica."""
    members = json.loads(os.environ[MEMBERS])
    command = arguments(os.environ["DTR_REPLICA_ID"], members, new=os.environ.get(NEW_CLUSTER) == "1")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
