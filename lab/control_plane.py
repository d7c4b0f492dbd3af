"""The control plane's stand-in on the manager node."""

import ssl

import docker
import httpx
from docker.errors import NotFound

from lab.identity import ADMIN, read_secret
from lab.node_engines import node_engine
from lab.paths import PKI
from lab.progress import say
from lab.recipes import CONTROL_PLANE_VERSION
from lab.topology import LABEL_CONTENT, MANAGER, Topology
from lab.waiting import wait_until

CONTAINER = "ucp-controller"
_IMAGE = f"lab/ucp:{CONTROL_PLANE_VERSION}"
_TRUNCATED = "/state/faults/backup-truncated"
_REGISTRIES = "[[registries]]"
_QUOTES = '"""'


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
        with _client(topology) as client:
            status = client.get("/_ping").status_code
    except httpx.HTTPError as error:
        return f"it does not answer ({type(error).__name__})"
    return None if status == httpx.codes.OK else f"its /_ping answers {status}"


def truncate_backups(topology: Topology, *, on: bool) -> None:
    """Leave the control plane with a backup that is cut off, or with a whole one again."""
    program = f"mkdir -p $(dirname {_TRUNCATED}) && touch {_TRUNCATED}" if on else f"rm -f {_TRUNCATED}"
    with node_engine(topology, MANAGER) as engine:
        engine.containers.get(CONTAINER).exec_run(["sh", "-c", program])


def forget_registries(topology: Topology) -> None:
    """Leave the control plane with no registry in its configuration."""
    with _client(topology) as client:
        login = {"username": ADMIN, "password": read_secret("control-plane-password")}
        answer = client.post("/auth/login", json=login).raise_for_status()
        client.headers["Authorization"] = f"Bearer {answer.json()['auth_token']}"
        before = client.get("/api/ucp/config-toml").raise_for_status().text
        after = without_registries(before)
        if after != before:
            client.put("/api/ucp/config-toml", content=after).raise_for_status()


def without_registries(configuration: str) -> str:
    """Return the TOML text without its ``[[registries]]`` tables."""
    kept: list[str] = []
    inside_registry = inside_text = False
    for line in configuration.splitlines(keepends=True):
        if line.lstrip().startswith("[") and not inside_text:
            inside_registry = line.strip() == _REGISTRIES
        if not inside_registry:
            kept.append(line)
        inside_text ^= line.count(_QUOTES) % 2 == 1
    return "".join(kept)


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


def _client(topology: Topology) -> httpx.Client:
    trust = ssl.create_default_context(cafile=str(PKI / "ca.pem"))
    return httpx.Client(base_url=topology.control_plane_url, verify=trust, timeout=10, trust_env=False)
