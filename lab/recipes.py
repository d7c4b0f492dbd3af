"""The lab's images as data: which folder, which parent, which arguments, and what they are called."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab import moto_site
from lab.paths import IMAGES, STANDIN
from lab.topology import REGISTRY_VERSION

REGISTRY_VERSIONS = ("2.4.1", REGISTRY_VERSION, "2.10.4")
CONTROL_PLANE_VERSION = "3.2.6"
_SERVICES = {
    "api": "api",
    "garant": "garant",
    "jobrunner": "jobrunner",
    "nginx": "nginx",
    "registry": "distribution",
    "rethink": "rethink",
}


@dataclass(frozen=True)
class Entry:
    """One file of a build context."""

    name: str
    source: Path

    @property
    def mode(self) -> int:
        """Executable files stay executable; nothing else of the host's modes is carried over."""
        return 0o755 if self.source.stat().st_mode & 0o100 else 0o644


@dataclass(frozen=True)
class Extra:
    """Files that do not lie in ``lab/images``, with a text that changes whenever they do."""

    fingerprint: Callable[[], str]
    entries: Callable[[], Iterator[Entry]]


@dataclass(frozen=True)
class Recipe:
    """How an image comes about. One image may play several versions, under a name for each."""

    name: str
    version: str
    folder: str
    parent: str | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)
    extra: Extra | None = None
    plays: tuple[str, ...] = ()

    @property
    def reference(self) -> str:
        """The name that children know the image by."""
        return f"lab/{self.name}:{self.version}"

    @property
    def on_nodes(self) -> tuple[str, ...]:
        """The names that the image has on the nodes."""
        return tuple(f"lab/{self.name}:{version}" for version in self.plays or (self.version,))

    def context(self) -> Iterator[Entry]:
        """Yield the files the build may read."""
        yield from folder_entries(IMAGES / self.folder, "")
        if self.extra:
            yield from self.extra.entries()

    def content(self, parent: str) -> str:
        """Return a hash of all that goes into the image."""
        own = fingerprint_of(folder_entries(IMAGES / self.folder, ""))
        extra = self.extra.fingerprint() if self.extra else ""
        arguments = repr(sorted(self.arguments.items()))
        return hashlib.sha256("\n".join((parent, own, extra, arguments)).encode()).hexdigest()[:12]


def folder_entries(folder: Path, below: str) -> Iterator[Entry]:
    """Yield the files of a folder in a fixed order, without what Python leaves behind."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield Entry(below + str(path.relative_to(folder)), path)


def fingerprint_of(entries: Iterator[Entry]) -> str:
    """Return a hash of names, modes and contents."""
    digest = hashlib.sha256()
    for entry in entries:
        content = entry.source.read_bytes()
        digest.update(f"{entry.name}\0{entry.mode:o}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _standin_entries() -> Iterator[Entry]:
    return folder_entries(STANDIN, "standin/")


def _moto_entries() -> Iterator[Entry]:
    return (Entry(name, source) for name, source in moto_site.files("site/"))


_STANDIN = Extra(lambda: fingerprint_of(_standin_entries()), _standin_entries)
_STANDIN_IMAGE = "lab/standin:1"
_MOTO = Extra(moto_site.fingerprint, _moto_entries)


def all_recipes() -> tuple[Recipe, ...]:
    """Return every image of the lab, parents before their children."""
    return (
        Recipe("node", "1", "node"),
        Recipe("runtime", "1", "runtime"),
        Recipe("balancer", "1", "balancer"),
        Recipe("s3", "1", "s3", "lab/runtime:1", extra=_MOTO),
        Recipe("standin", "1", "standin", "lab/runtime:1", extra=_STANDIN),
        Recipe("ucp", CONTROL_PLANE_VERSION, "ucp", _STANDIN_IMAGE),
        *(
            Recipe("dtr", version, "dtr", _STANDIN_IMAGE, {"VERSION": version})
            for version in REGISTRY_VERSIONS
        ),
        *(_service(name, module) for name, module in _SERVICES.items()),
    )


def _service(name: str, module: str) -> Recipe:
    """Return a service, one image for all versions: its container is told which one it plays."""
    return Recipe(
        f"dtr-{name}", "1", "dtr-service", _STANDIN_IMAGE, {"SERVICE": module}, plays=REGISTRY_VERSIONS
    )


def node_recipes() -> tuple[Recipe, ...]:
    """Return the images that every node must have."""
    return tuple(recipe for recipe in all_recipes() if recipe.name.startswith(("ucp", "dtr")))


def node_references() -> tuple[str, ...]:
    """Return the names of the images that every node must have."""
    return tuple(name for recipe in node_recipes() for name in recipe.on_nodes)
