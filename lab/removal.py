"""Removing a lab: everything with its label, and nothing else."""

from concurrent.futures import ThreadPoolExecutor

import docker
from docker.errors import NotFound
from docker.models.containers import Container

from lab.progress import say
from lab.topology import LABEL


def remove_lab(client: docker.DockerClient, prefix: str) -> None:
    """Leave no container, volume or network with the lab's label."""
    mine: dict[str, str | list[str] | bool] = {"label": f"{LABEL}={prefix}"}
    containers = client.containers.list(all=True, filters=mine)
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(_remove, containers))
    volumes = client.volumes.list(filters=mine)
    for volume in volumes:
        volume.remove(force=True)
    networks = client.networks.list(filters=mine)
    for network in networks:
        network.remove()
    if containers or volumes or networks:
        say(f"removed {len(containers)} containers, {len(volumes)} volumes, {len(networks)} network")


def _remove(container: Container) -> None:
    """Leave neither the container nor its unnamed volumes."""
    try:
        container.remove(force=True, v=True)
    except NotFound:
        return
