"""Carrying the registry's images from the host's engine to the nodes."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path

import docker
from docker.errors import ImageNotFound

from lab.images import Image, Images
from lab.node_engines import node_engine
from lab.paths import CACHE
from lab.progress import say
from lab.recipes import node_references
from lab.topology import LABEL_CONTENT, NODES, Machine, Topology

_CHUNK = 1 << 20


def ensure_images_on_nodes(
    client: docker.DockerClient, topology: Topology, images: Images, pool: Executor
) -> None:
    """Leave every node with the current images under their plain names."""
    wanted = [images[reference].result() for reference in node_references()]
    lacking = [node for node in NODES if _lacks(topology, node, wanted)]
    if not lacking:
        return
    archive = _save(client, wanted)
    say(f"images: {archive.stat().st_size / 1e6:.0f} MB to {', '.join(node.name for node in lacking)}")
    list(pool.map(lambda node: _load(topology, node, archive, wanted), lacking))


def _lacks(topology: Topology, node: Machine, wanted: Sequence[Image]) -> bool:
    """Whether the node lacks one of the images or has an older one under its name."""
    with node_engine(topology, node) as engine:
        return any(_content_of(engine, image.reference) != image.content for image in wanted)


def _content_of(engine: docker.DockerClient, reference: str) -> str | None:
    """Return the content's hash of the image an engine has under that name."""
    try:
        image = engine.images.get(reference)
    except ImageNotFound:
        return None
    return image.labels.get(LABEL_CONTENT)


def _save(client: docker.DockerClient, images: Sequence[Image]) -> Path:
    """Return one archive of all the images; they share their layers, so it is hardly larger than one."""
    contents = hashlib.sha256(" ".join(image.content for image in images).encode()).hexdigest()[:12]
    newest = CACHE / f"images-{contents}.tar"
    if newest.exists():
        return newest
    CACHE.mkdir(parents=True, exist_ok=True)
    for old in CACHE.glob("images-*.tar*"):
        old.unlink()
    draft = newest.with_suffix(".tar.new")
    url = f"{client.api.base_url}/v{client.api.api_version}/images/get"
    with (
        client.api.get(url, params={"names": [image.tag for image in images]}, stream=True) as answer,
        draft.open("wb") as file,
    ):
        answer.raise_for_status()
        for chunk in answer.iter_content(_CHUNK):
            file.write(chunk)
    draft.replace(newest)
    return newest


def _load(topology: Topology, node: Machine, archive: Path, images: Sequence[Image]) -> None:
    """Leave the archive's images on the node under their plain names alone."""
    with node_engine(topology, node, timeout=300) as engine:
        with archive.open("rb") as file:
            engine.images.load(file)
        for image in images:
            repository, _, tag = image.reference.partition(":")
            engine.images.get(image.tag).tag(repository, tag)
            engine.images.remove(image.tag, noprune=True)
        engine.images.prune()
