"""Carrying the registry's images from the host's engine to the nodes."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path

import docker

from lab.images import Image, Images
from lab.node_engines import node_engine
from lab.paths import CACHE
from lab.progress import say
from lab.recipes import node_recipes
from lab.topology import LABEL_CONTENT, Machine, Topology

_CHUNK = 1 << 20


def ensure_images_on_nodes(
    client: docker.DockerClient, topology: Topology, images: Images, pool: Executor
) -> None:
    """Leave every node with the current images under their plain names."""
    wanted = [images[recipe.reference].result() for recipe in node_recipes()]
    lack = pool.map(lambda node: _lacks(topology, node, wanted), topology.nodes)
    lacking = [node for node, lacks in zip(topology.nodes, lack, strict=True) if lacks]
    if not lacking:
        return
    archive = _save(client, wanted)
    say(f"images: {archive.stat().st_size / 1e6:.0f} MB to {', '.join(node.name for node in lacking)}")
    list(pool.map(lambda node: _load(topology, node, archive, wanted), lacking))


def _lacks(topology: Topology, node: Machine, wanted: Sequence[Image]) -> bool:
    """Whether the node lacks one of the images or has an older one under its name."""
    with node_engine(topology, node) as engine:
        found = _contents(engine)
    return any(found.get(name) != image.content for image in wanted for name in image.on_nodes)


def _contents(engine: docker.DockerClient) -> dict[str, str]:
    """Return the content's hash of every image that an engine has, by name."""
    return {
        name: (image["Labels"] or {}).get(LABEL_CONTENT, "")
        for image in engine.api.images()
        for name in image["RepoTags"] or ()
    }


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
            loaded = engine.images.get(image.tag)
            for name in image.on_nodes:
                loaded.tag(*name.split(":"))
            engine.images.remove(image.tag, noprune=True)
        engine.images.prune()
