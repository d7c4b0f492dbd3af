"""What a replica's containers are created from."""

import json
from typing import Any

from registry import names, rethink, version
from registry.bootstrapper.seen import REPLICA_LABEL, VERSION_LABEL
from registry.bootstrapper.workplace import Site

_HEALTH_CHECK = {
    "Test": ["CMD", "curl", "--fail", "--silent", "--insecure", "--max-time", "5", "https://127.0.0.1/_ping"],
    "Interval": 3_000_000_000,
    "Timeout": 6_000_000_000,
    "StartPeriod": 60_000_000_000,
    "Retries": 3,
}
# order of the vendor's log; the database comes earlier
SERVICES = ("registry", "garant", "api", "nginx", "jobrunner")


def service(site: Site, name: str, storage: str) -> dict[str, Any]:
    """Return the configuration of a service; `storage` is the volume or path that holds blobs."""
    config = _base(site, name)
    if name in ("registry", "api", "jobrunner"):
        config["HostConfig"]["Binds"] = [f"{names.volume('ca', site.replica)}:/ca", f"{storage}:/storage"]
    if name == "nginx":
        config["Healthcheck"] = _HEALTH_CHECK
        config["ExposedPorts"] = {"80/tcp": {}, "443/tcp": {}}
        config["HostConfig"]["PortBindings"] = {
            "80/tcp": [{"HostPort": str(site.http_port)}],
            "443/tcp": [{"HostPort": str(site.https_port)}],
        }
    return config


def database(site: Site, members: dict[str, str], *, new: bool) -> dict[str, Any]:
    """Return the configuration of the replica's database member."""
    config = _base(site, "rethinkdb")
    config["Env"] += [f"{rethink.MEMBERS}={json.dumps(members)}", f"{rethink.NEW_CLUSTER}={int(new)}"]
    config["HostConfig"]["Binds"] = [
        f"{names.volume('rethink', site.replica)}:{rethink.DATA}",
        f"{names.volume('ca', site.replica)}:/ca",
    ]
    return config


def _base(site: Site, name: str) -> dict[str, Any]:
    return {
        "Image": names.service_image(name),
        "Env": [f"DTR_VERSION={version.current()}", f"DTR_REPLICA_ID={site.replica}"],
        "Labels": {VERSION_LABEL: version.current(), REPLICA_LABEL: site.replica},
        "HostConfig": {
            "NetworkMode": names.NETWORK,
            "RestartPolicy": {"Name": "unless-stopped"},
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m"}},
        },
    }
