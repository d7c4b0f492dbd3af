"""The control plane's stand-in on the manager node."""

import ssl

import docker
import httpx
from docker.errors import NotFound

from lab.identity import ADMIN
from lab.node_engines import node_engine
from lab.paths import PKI
from lab.progress import say
from lab.recipes import CONTROL_PLANE_VERSION
from lab.topology import LABEL_CONTENT, MANAGER, Topology
from lab.waiting import wait_until

CONTAINER = "ucp-controller"
_IMAGE = f"lab/ucp:{CONTROL_PLANE_VERSION}"
_FAULTS = "/state/faults"


def ensure_control_plane(topology: Topology) -> None:
    """Leave the control plane answering, made from the current image."""
    with node_engine(topology, MANAGER) as engine:
        if not _is_current(engine):
            say("control plane: start")
            _create(engine)
        engine.containers.get(CONTAINER).start()
    wait_for_control_plane(topology)


def wait_for_control_plane(topology: Topology) -> None:
    """Return once the control plane answers."""
    wait_until(
        lambda: why_control_plane_not_ready(topology),
        "control plane",
        f"read `docker logs {CONTAINER}` on {MANAGER.name}",
        seconds=60,
    )


def why_control_plane_not_ready(topology: Topology) -> str | None:
    """Return why the control plane does not answer, None if it does."""
    try:
        with client(topology) as plane:
            status = plane.get("/_ping").status_code
    except httpx.HTTPError as error:
        return f"it does not answer ({type(error).__name__})"
    return None if status == httpx.codes.OK else f"its /_ping answers {status}"


def truncate_backups(topology: Topology, *, on: bool) -> None:
    """Leave the control plane with a backup that is cut off, or with a whole one again."""
    switch(topology, "backup-truncated", on=on)


def switch(topology: Topology, name: str, *, on: bool) -> None:
    """Leave a switch of the stand-in on or off."""
    program = f"mkdir -p {_FAULTS} && touch {_FAULTS}/{name}" if on else f"rm -f {_FAULTS}/{name}"
    with node_engine(topology, MANAGER) as engine:
        engine.containers.get(CONTAINER).exec_run(["sh", "-c", program])


def _is_current(engine: docker.DockerClient) -> bool:
    """Whether the controller exists and was made from the image that the node has now."""
    try:
        container = engine.containers.get(CONTAINER)
    except NotFound:
        return False
    wanted = engine.images.get(_IMAGE).labels[LABEL_CONTENT]
    if container.labels.get(LABEL_CONTENT) == wanted:
        return True
    container.remove(force=True)
    return False


def _create(engine: docker.DockerClient) -> None:
    """Make the controller; its state is in a volume and outlives it."""
    engine.containers.create(
        _IMAGE,
        name=CONTAINER,
        ports={"443/tcp": 443},
        volumes={
            "ucp-state": {"bind": "/state", "mode": "rw"},
            "/etc/lab/pki": {"bind": "/pki", "mode": "ro"},
        },
        environment={"UCP_ADMIN_USER": ADMIN},
        init=True,
        restart_policy={"Name": "unless-stopped"},  # type: ignore[arg-type]  # unknown to the stubs
    )


def client(topology: Topology) -> httpx.Client:
    """Return a client that trusts the lab's authority; the caller closes it."""
    trust = ssl.create_default_context(cafile=str(PKI / "ca.pem"))
    return httpx.Client(base_url=topology.control_plane_url, verify=trust, timeout=10, trust_env=False)
