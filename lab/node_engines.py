"""Talking to the engines on the lab's nodes, over TLS with the lab's client certificate."""

from collections.abc import Iterator
from contextlib import contextmanager

import docker
from docker.errors import DockerException

from lab.paths import PKI
from lab.topology import ENGINE_PORT, Machine, Topology
from lab.waiting import wait_until


@contextmanager
def node_engine(topology: Topology, node: Machine, timeout: int = 120) -> Iterator[docker.DockerClient]:
    """Yield a client of the node's engine."""
    tls = docker.TLSConfig(
        client_cert=(str(PKI / "engine-client-cert.pem"), str(PKI / "engine-client-key.pem")),
        ca_cert=str(PKI / "ca.pem"),
        verify=True,
    )
    url = f"tcp://{topology.address(node)}:{ENGINE_PORT}"
    client = docker.DockerClient(base_url=url, tls=tls, timeout=timeout, version="1.41")
    client.api.trust_env = False  # else REQUESTS_CA_BUNDLE takes the place of the lab's authority
    try:
        yield client
    finally:
        client.close()


def why_engine_not_ready(topology: Topology, node: Machine) -> str | None:
    """Return why the node's engine cannot be used, None if it can."""
    try:
        with node_engine(topology, node, timeout=2) as engine:
            engine.ping()
    except (DockerException, OSError) as error:
        return f"its engine does not answer ({type(error).__name__})"
    return None


def wait_for_engine(topology: Topology, node: Machine) -> None:
    """Return once the node's engine answers."""
    wait_until(
        lambda: why_engine_not_ready(topology, node),
        node.name,
        f"read /var/log/engine.log in container {topology.container(node)}",
        seconds=60,
    )
