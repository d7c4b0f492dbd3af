"""The flags and environment names of every command, as the vendor documents them."""

from dataclasses import dataclass

from registry import version
from registry.bootstrapper import releases
from registry.version import Version

TEXT, SWITCH, NUMBER = "text", "switch", "number"


@dataclass(frozen=True)
class Option:
    """One flag with the environment name that means the same."""

    flag: str
    env: str
    help: str
    kind: str = TEXT
    since: Version = (2, 0, 0)
    until: Version = (99, 0, 0)  # the first version without it
    aliases: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Return the name of the value in parsed options."""
        return self.flag.removeprefix("--").replace("-", "_")

    def envs(self) -> tuple[str, ...]:
        """Return the environment names that are read; manuals since 2.9 print MSR_ for DTR_."""
        if not self.env.startswith("DTR_"):
            return (self.env,) if self.env else ()
        return (self.env, "MSR_" + self.env.removeprefix("DTR_"))


COMMON = (
    Option("--ucp-url", "UCP_URL", "The UCP URL including domain and port"),
    Option("--ucp-username", "UCP_USERNAME", "The UCP administrator username"),
    Option("--ucp-password", "UCP_PASSWORD", "The UCP administrator password"),
    Option("--ucp-insecure-tls", "UCP_INSECURE_TLS", "Disable TLS verification for UCP", SWITCH),
    Option("--ucp-ca", "UCP_CA", "Use a PEM-encoded TLS CA certificate for UCP"),
    Option("--debug", "DEBUG", "Enable debug mode for additional logs", SWITCH),
    Option("--help-extended", "DTR_EXTENDED_HELP", "Display extended help text for a given command", SWITCH),
    Option("--nocolor", "NOCOLOR", "Disable output coloring in logs", SWITCH, (2, 9, 0)),
    Option("--max-wait", "MAX_WAIT", "The maximum amount of time an operation may take", TEXT, (2, 9, 0)),
)
EXISTING = (Option("--existing-replica-id", "DTR_REPLICA_ID", "The ID of an existing DTR replica"),)
TARGET = (
    Option("--ucp-node", "UCP_NODE", "The hostname of the UCP node to deploy DTR on"),
    Option("--replica-id", "DTR_INSTALL_REPLICA_ID", "Assign a 12-character hexadecimal ID to the replica"),
)
REPLICA = (
    Option("--replica-http-port", "REPLICA_HTTP_PORT", "The public HTTP port of the replica", NUMBER),
    Option("--replica-https-port", "REPLICA_HTTPS_PORT", "The public HTTPS port of the replica", NUMBER),
    Option(
        "--replica-rethinkdb-cache-mb", "RETHINKDB_CACHE_MB", "Cache of RethinkDB in MB", NUMBER, (2, 5, 0)
    ),
)
CLUSTER = (
    Option("--dtr-external-url", "DTR_EXTERNAL_URL", "URL of the host or load balancer clients use"),
    Option("--dtr-ca", "DTR_CA", "Use a PEM-encoded TLS CA certificate for DTR"),
    Option("--dtr-cert", "DTR_CERT", "Use a PEM-encoded TLS certificate for DTR"),
    Option("--dtr-key", "DTR_KEY", "Use a PEM-encoded TLS private key for DTR"),
    Option("--http-proxy", "DTR_HTTP_PROXY", "The HTTP proxy used for outgoing requests"),
    Option("--https-proxy", "DTR_HTTPS_PROXY", "The HTTPS proxy used for outgoing requests"),
    Option("--no-proxy", "DTR_NO_PROXY", "List of domains the proxy should not be used for"),
    Option("--log-protocol", "LOG_PROTOCOL", "The protocol for sending logs"),
    Option("--log-host", "LOG_HOST", "The syslog system to send logs to"),
    Option("--log-level", "LOG_LEVEL", "Log level for all container logs"),
    Option("--enable-pprof", "DTR_PPROF", "Enables pprof profiling of the server", SWITCH),
    Option("--enable-client-cert-auth", "ENABLE_CLIENT_CERT_AUTH", "Client certificates", SWITCH, (2, 7, 0)),
    Option("--client-cert-auth-ca", "CLIENT_CA", "CA of client certificates", TEXT, (2, 7, 0)),
    Option("--custom-ca-cert-bundle", "CUSTOM_CA_CERTS_BUNDLE", "Further CAs", TEXT, (2, 8, 0)),
    Option("--enzi-ca", "ENZI_TLS_CA", "Use a PEM-encoded TLS CA certificate for Enzi"),
    Option("--enzi-insecure-tls", "ENZI_TLS_INSECURE", "Disable TLS verification for Enzi", SWITCH),
)
STORAGE = (
    Option("--dtr-storage-volume", "DTR_STORAGE_VOLUME", "Customize the volume to store Docker images"),
    Option("--nfs-storage-url", "NFS_STORAGE_URL", "Use NFS to store images: nfs://<host>/<directory>"),
    Option("--nfs-options", "NFS_OPTIONS", "Pass in NFS volume options verbatim", TEXT, (2, 6, 0)),
    Option("--async-nfs", "ASYNC_NFS", "Use async NFS volume options", SWITCH, (2, 6, 0)),
)
OVERLAY = (Option("--overlay-subnet", "DTR_OVERLAY_SUBNET", "The subnet used by the dtr-ol network"),)
DEFAULT_STORAGE = (
    Option(
        "--dtr-use-default-storage", "DTR_DEFAULT_STORAGE", "Use the storage of the backup, or a local volume",
        SWITCH, version.STORAGE_FLAG,
    ),
)  # fmt: skip
JOIN = (
    Option("--skip-network-test", "DTR_SKIP_NETWORK_TEST", "Don't test the overlay network", SWITCH),
    Option("--unsafe-join", "DTR_UNSAFE_JOIN", "Join a new replica even if the cluster is unhealthy", SWITCH),
)
BACKUP = (
    Option("--offline-backup", "DTR_OFFLINE_BACKUP", "Stop RethinkDB during the backup", SWITCH, (2, 5, 0)),
    Option("--ignore-scan-data", "", "Leave out scan data", SWITCH, version.IGNORE_SCAN_DATA),
)
DESTROY = (Option("--replica-id", "DTR_DESTROY_REPLICA_ID", "The ID of the replica to destroy"),)
REMOVE = (
    Option("--replica-ids", "DTR_REMOVE_REPLICA_IDS", "The IDs of the replicas to remove, a comma between two"),
    Option("--replica-id", "DTR_REMOVE_REPLICA_ID", "Deprecated: use --replica-ids"),
    *(
        Option(
            "--force", "DTR_FORCE_REMOVE_REPLICA", "Skip the checks before a replica is removed", SWITCH,
            since, until,
        )
        for since, until in (releases.REMOVE_FORCE_IN_2_6, (releases.REMOVE_FORCE, (99, 0, 0)))
    ),
)  # fmt: skip
RECONFIGURE = (
    Option(
        "--storage-migrated", "STORAGE_MIGRATED", "The new storage holds what the old one held", SWITCH,
        releases.STORAGE_MIGRATED, version.KEEPS_METADATA,
    ),
    Option(
        "--reinitialize-storage", "REINITIALIZE_STORAGE", "Erase all tags", SWITCH, version.KEEPS_METADATA
    ),
)  # fmt: skip
REPAIR = (
    Option("--prune", "PRUNE", "Delete the data volumes of all other replicas", SWITCH),
    Option("--yes", "YES", "Answer yes to any prompts", SWITCH, aliases=("-y", "--y")),
)

COMMANDS: dict[str, tuple[str, tuple[Option, ...]]] = {
    "install": (
        "Install Docker Trusted Registry", (*COMMON, *TARGET, *CLUSTER, *REPLICA, *STORAGE, *OVERLAY)
    ),
    "join": ("Add a new replica to an existing DTR cluster", (*COMMON, *TARGET, *EXISTING, *REPLICA, *JOIN)),
    "backup": ("Create a backup of DTR", (*COMMON, *EXISTING, *BACKUP)),
    "restore": (
        "Install DTR from an existing backup",
        (*COMMON, *TARGET, *CLUSTER, *REPLICA, *STORAGE, *DEFAULT_STORAGE),
    ),
    "destroy": ("Destroy a DTR replica's data", (*COMMON, *DESTROY)),
    "remove": ("Remove DTR replicas from a cluster", (*COMMON, *EXISTING, *REMOVE)),
    "reconfigure": (
        "Change DTR configurations", (*COMMON, *EXISTING, *CLUSTER, *REPLICA, *STORAGE, *RECONFIGURE)
    ),
    "upgrade": ("Upgrade DTR 2.4.X or newer", (*COMMON, *EXISTING)),
    "emergency-repair": (
        "Recover DTR from loss of quorum", (*COMMON, *EXISTING, *OVERLAY, *REPAIR)
    ),
    "images": ("List all the images necessary to install DTR", (*COMMON,)),
}  # fmt: skip


def options_of(command: str) -> tuple[Option, ...]:
    """Return the options that a command has in this version."""
    return tuple(
        option
        for option in COMMANDS[command][1]
        if version.at_least(option.since) and not version.at_least(option.until)
    )


def commands() -> tuple[str, ...]:
    """Return the commands that this version has."""
    return tuple(name for name in COMMANDS if name != "emergency-repair" or version.at_least(releases.REPAIR))
