"""The registry's own images on the nodes: which must be there, where they come from, and what is to do."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from runbook.domain.plans import Action, Step

IdsByName = Mapping[str, Collection[str]]
"""The image ids that an archive holds under a name; a name that is not in it may have any."""
_SHOWN = 3


@dataclass(frozen=True)
class ImageSource:
    """A registry that holds the vendor's images under another path; without one they are pulled by their names."""

    repository: str | None = None
    user: str | None = None

    @property
    def host(self) -> str:
        """The host (and port) that is logged in to; empty for the vendor's."""
        return (self.repository or "").partition("/")[0]

    def name_of(self, reference: str) -> str:
        """Return the name by which the vendor's image is pulled."""
        if self.repository is None:
            return reference
        return f"{self.repository}/{reference.rpartition('/')[2]}"

    def __str__(self) -> str:
        return f"from {self.repository}" if self.repository else "under the vendor's names"


@dataclass(frozen=True)
class ImagesSeen:
    """The images that an engine has, by name; with `ids_tell` its ids are those that archives name."""

    ids: Mapping[str, str] = field(default_factory=dict)
    ids_tell: bool = True

    def why_not(self, reference: str, known: IdsByName) -> str | None:
        """Say why the image is not there as it should be, None if it is."""
        if reference not in self.ids:
            return f"{reference} is not there"
        if self.ids_tell and self.ids[reference] not in known.get(reference, [self.ids[reference]]):
            return f"{reference} is another image than the archive's"
        return None

    def lacking(self, wanted: Collection[str], known: IdsByName) -> tuple[str, ...]:
        """Return the wanted images that are not there as they should be."""
        return tuple(reference for reference in wanted if self.why_not(reference, known))


def choose_images_step(
    node: str, seen: ImagesSeen, wanted: Collection[str], known: IdsByName, source: str
) -> Step:
    """Return the step that leaves the node with all wanted images."""
    lacking = seen.lacking(wanted, known)
    what = counted(len(wanted))
    if not lacking:
        return Step(Action.KEEP, node, what, "all of them are there")
    reasons = [str(seen.why_not(reference, known)) for reference in lacking]
    more = f" and {len(reasons) - _SHOWN} more" if len(reasons) > _SHOWN else ""
    return Step(Action.LOAD_IMAGES, node, f"{what} {source}", f"{'; '.join(reasons[:_SHOWN])}{more}")


def counted(images: int) -> str:
    """Return `1 image` or `9 images`."""
    return "1 image" if images == 1 else f"{images} images"


def ids_in(manifest: object, index: object) -> dict[str, frozenset[str]]:
    """Return the ids of each image that an archive's `manifest.json` (and `index.json`) names.

    A ValueError says that it is not what `docker save` writes.
    """
    found: dict[str, set[str]] = {}
    try:
        for image in manifest:  # type: ignore[attr-defined]  # whatever JSON holds
            digest = str(image["Config"]).removesuffix(".json").rpartition("/")[2]
            for name in image["RepoTags"] or ():
                found.setdefault(str(name), set()).add(f"sha256:{digest}")
        entries = index.get("manifests", ()) if isinstance(index, dict) else ()
        for entry in entries:
            if name := (entry.get("annotations") or {}).get("io.containerd.image.name"):
                found.setdefault(_short(str(name)), set()).add(str(entry["digest"]))
    except (TypeError, KeyError, AttributeError) as exc:
        raise ValueError("its manifest.json is not one that `docker save` writes") from exc
    return {name: frozenset(ids) for name, ids in found.items()}


def _short(name: str) -> str:
    """Return a name as `docker` shows it, without the hub's host."""
    return name.removeprefix("docker.io/").removeprefix("library/")
