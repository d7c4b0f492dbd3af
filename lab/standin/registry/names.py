"""Names of containers, volumes, images and servers of a replica (contract section 6)."""

import os
import re

from registry import version

NETWORK = "dtr-ol"
DATABASE_PORT = 28015
CLUSTER_PORT = 29015
TOKEN_ISSUER = "dtr"
TOKEN_SERVICE = "dtr"
PHASE2 = "dtr-phase2"
PORT_CHECK = "dtr-port-check"
VOLUMES = ("ca", "rethink", "registry", "notary", "postgres")

IMAGE_OF_SERVICE = {
    "rethinkdb": "rethink",
    "registry": "registry",
    "garant": "garant",
    "api": "api",
    "nginx": "nginx",
    "jobrunner": "jobrunner",
}
SERVICES = tuple(IMAGE_OF_SERVICE)

_REPLICA_ID = re.compile(r"[0-9a-f]{12}")
_CONTAINER = re.compile(r"dtr-(?P<service>[a-z]+)-(?P<replica>[0-9a-f]{12})")
_VOLUME = re.compile(r"dtr-(?:[a-z]+|registry-nfs)-(?P<replica>[0-9a-f]{12})")


def valid_replica_id(text: str) -> bool:
    """Tell whether the text is 12 lower-case hex characters."""
    return _REPLICA_ID.fullmatch(text) is not None


def container(service: str, replica: str) -> str:
    """Return the name of a service container."""
    return f"dtr-{service}-{replica}"


def volume(kind: str, replica: str) -> str:
    """Return the name of a volume of a replica."""
    return f"dtr-{kind}-{replica}"


def replica_of_container(name: str) -> tuple[str, str] | None:
    """Return (service, replica ID) when the name is one of a service container."""
    match = _CONTAINER.fullmatch(name)
    return (match["service"], match["replica"]) if match else None


def replica_of_volume(name: str) -> str | None:
    """Return the replica ID when the name is one of a replica's volume."""
    match = _VOLUME.fullmatch(name)
    return match["replica"] if match else None


def server(replica: str) -> str:
    """Return the name of a replica's server in the database cluster."""
    return f"dtr_rethinkdb_{replica}"


def database_url(replica: str) -> str:
    """Return the URL that clients of a replica's database use, on the overlay network."""
    return f"http://{container('rethinkdb', replica)}:{DATABASE_PORT}"


def peer_url(replica: str) -> str:
    """Return the URL that the other members of the database use."""
    return f"http://{container('rethinkdb', replica)}:{CLUSTER_PORT}"


def replica_of_peer(url: str) -> str:
    """Return the replica ID that a peer URL of the database names."""
    known = replica_of_container(url.removeprefix("http://").rsplit(":", 1)[0])
    return known[1] if known else ""


def repository_prefix() -> str:
    """Return the image repository that every image name of this product begins with."""
    return os.environ.get("DTR_REPOSITORY", "lab/dtr")


def bootstrapper_image() -> str:
    """Return the image that the bootstrapper itself runs from."""
    return f"{repository_prefix()}:{version.current()}"


def service_image(service: str) -> str:
    """Return the image of a service."""
    return f"{repository_prefix()}-{IMAGE_OF_SERVICE[service]}:{version.current()}"


def all_images() -> list[str]:
    """Return every image that a replica needs, one reference each."""
    return sorted([bootstrapper_image(), *(service_image(service) for service in SERVICES)])
