"""Building the lab's images. A tag names the hash of all that went in: what is there is not built again."""

import re
import tarfile
import tempfile
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import IO

import docker
from docker.errors import BuildError, ImageNotFound

from lab.base_image import ensure_base_image
from lab.progress import say
from lab.recipes import Recipe, all_recipes
from lab.topology import LABEL_CONTENT
from runbook.domain.errors import RefusedError


@dataclass(frozen=True)
class Image:
    """A built image: its name on the host's engine, its names on the nodes, and its content's hash."""

    tag: str
    on_nodes: tuple[str, ...]
    content: str


Images = dict[str, Future[Image]]


def start_builds(client: docker.DockerClient, pool: Executor) -> Images:
    """Begin to build what is missing, parents first, and return each image's future by its reference."""
    base = pool.submit(ensure_base_image, client)
    futures: Images = {}
    for recipe in all_recipes():  # parents come first in the pool's queue, so no child can starve them
        parent = futures[recipe.parent] if recipe.parent else base
        futures[recipe.reference] = pool.submit(_ensure_image, client, recipe, parent)
    return futures


def _ensure_image(client: docker.DockerClient, recipe: Recipe, parent: Future[Image] | Future[str]) -> Image:
    """Leave the image on the engine."""
    below = parent.result()
    parent_tag = below if isinstance(below, str) else below.tag
    content = recipe.content(parent_tag)
    image = Image(f"{recipe.reference}-{content}", recipe.on_nodes, content)
    try:
        client.images.get(image.tag)
    except ImageNotFound:
        say(f"image {recipe.reference}: build")
        _build(client, recipe, image, parent_tag)
    return image


def _build(client: docker.DockerClient, recipe: Recipe, image: Image, parent: str) -> None:
    """Build the image with the engine's classic builder, which needs no plug-in."""
    with tempfile.TemporaryFile() as context:
        _pack(recipe, context)
        try:
            client.images.build(
                fileobj=context,
                custom_context=True,
                tag=image.tag,
                buildargs={"PARENT": parent, **recipe.arguments},
                labels={LABEL_CONTENT: image.content},
                network_mode="host",
                rm=True,
                forcerm=True,
            )
        except BuildError as error:
            raise RefusedError(
                f"image {recipe.reference}",
                _last_words(error),
                f"mend lab/images/{recipe.folder}, then rerun",
            ) from error


def _pack(recipe: Recipe, context: IO[bytes]) -> None:
    """Write the build context; times are left out so that the builder's cache sees contents alone."""
    with tarfile.open(fileobj=context, mode="w") as archive:
        for entry in recipe.context():
            member = tarfile.TarInfo(entry.name)
            member.size, member.mode = entry.source.stat().st_size, entry.mode
            with entry.source.open("rb") as content:
                archive.addfile(member, content)
    context.seek(0)


def _last_words(error: BuildError) -> str:
    """Return the last lines that the failed build printed, then the builder's own sentence."""
    printed = "".join(str(line.get("stream", "")) for line in error.build_log if isinstance(line, dict))
    lines = [line for line in re.sub(r"\x1b\[[0-9;]*m", "", printed).splitlines() if line.strip()]
    return " | ".join([*lines[-3:], str(error.msg)])
