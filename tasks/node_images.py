"""The registry's own images on the nodes: the bootstrapper on all of them, every image where a replica may be."""

from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from prefect import get_run_logger

from blocks.connection import ClusterConnection
from blocks.image_source import ImageSourceSettings
from runbook.domain.errors import MismatchError, RefusedError, RunbookError, UnreachableError
from runbook.domain.image_distribution import IdsByName, ImagesSeen, choose_images_step
from runbook.domain.plans import Action, Step
from runbook.remote.image_archive import read_ids
from runbook.remote.image_distribution import load_archive, look_for_images, pull_images
from tasks.policy import step

_AT_ONCE = 32
Wanted = dict[str, tuple[str, ...]]
"""The images that each node must have, by the node's name."""


@step("images of {version}")
def ensure_images(cluster: ClusterConnection, version: str, only: Collection[str] = ()) -> tuple[Step, ...]:
    """Leave the nodes with the images of `version` that they need, all at once; keep what is there.

    Managers need the bootstrapper, registry nodes (`only` these, if any are named) all that it lists. Managers that
    do not answer are left out while one does: no container is started there. Whatever befalls one node, the others
    are done with; the error names each node that lacks something.
    """
    work = Distribution(cluster, version, only)
    first = work.everywhere(work.first(), work.ensure)
    rest = work.everywhere(work.rest(), work.ensure)
    return _said(work.merged(first, rest))


@step("plan images of {version}")
def plan_images(cluster: ClusterConnection, version: str, only: Collection[str] = ()) -> tuple[Step, ...]:
    """Return what `ensure_images` would do; the list of images is asked for where the bootstrapper is there."""
    work = Distribution(cluster, version, only)
    first = work.everywhere(work.first(), work.decide)
    asked = all(s.action is Action.KEEP for s in first if s.where in work.managers)
    return _said(work.merged(first, work.everywhere(work.rest(), work.decide) if asked else ()))


@step("bootstrapper of older points")
def ensure_older_bootstrapper(cluster: ClusterConnection, image: str | None) -> tuple[Step, ...]:
    """Leave at least one manager with the bootstrapper's `image` that the way back needs; keep one that is there."""
    work, decision = _older_bootstrapper(cluster, image)
    if decision and decision.action is not Action.KEEP:
        work.ensure(decision.where, (str(image),))
    return _said((decision,) if decision else ())


@step("plan bootstrapper of older points")
def plan_older_bootstrapper(cluster: ClusterConnection, image: str | None) -> tuple[Step, ...]:
    """Return what `ensure_older_bootstrapper` would do."""
    _, decision = _older_bootstrapper(cluster, image)
    return _said((decision,) if decision else ())


def _older_bootstrapper(cluster: ClusterConnection, image: str | None) -> tuple["Distribution", Step | None]:
    """Return the step for the first manager that has the image, else for the first that answers."""
    work = Distribution(cluster, str(cluster.version))
    if image is None:
        return work, None
    steps = [each for manager in work.managers if (each := _if_it_answers(work, manager, image))]
    if not steps:
        raise RefusedError("images", "no manager answers", "see `runbook check`")
    chosen = next((each for each in steps if each.action is Action.KEEP), steps[0])
    why = f"a restore of older points needs it; {chosen.reason}"
    return work, replace(chosen, what=f"{image}, the older bootstrapper", reason=why)


def _if_it_answers(work: "Distribution", manager: str, image: str) -> Step | None:
    try:
        return work.decide(manager, (image,))
    except UnreachableError:  # told by the check of that node
        return None


class Distribution:
    """One look at where the images come from, and what each node must have."""

    def __init__(self, cluster: ClusterConnection, version: str, only: Collection[str] = ()) -> None:
        self._cluster = cluster
        self._bootstrapper = cluster.bootstrapper
        self._settings = cluster.settings.registry.images or ImageSourceSettings()
        self._archive = Path(self._settings.archive) if self._settings.archive else None
        found = read_ids(self._archive) if self._archive else {}
        self._known: IdsByName = {name: ids for name, ids in found.items() if name.endswith(f":{version}")}
        self.managers = _answering(cluster, [node.name for node in cluster.settings.managers])
        registry = [node.name for node in cluster.settings.registry_nodes]
        self._registry = [name for name in registry if not only or name in only]

    def first(self) -> Wanted:
        """Return what comes before the list can be asked for: an archive is loaded whole."""
        image = self._bootstrapper.image
        if self._archive and image not in self._known:
            raise self._not_in_archive([image])
        everything = tuple(dict.fromkeys((image, *self._known)))
        return dict.fromkeys(self.managers, (image,)) | dict.fromkeys(self._registry, everything)

    def rest(self) -> Wanted:
        """Return what the bootstrapper lists, for the nodes that may hold a replica."""
        return dict.fromkeys(self._registry, self._bootstrapper.images())

    def decide(self, node: str, wanted: Collection[str]) -> Step:
        """Return the step that leaves the node with the wanted images."""
        return choose_images_step(node, self._look(node, wanted), wanted, self._known, self._source)

    def ensure(self, node: str, wanted: Collection[str]) -> Step:
        """Leave the node with the wanted images, and see that they are there."""
        seen = self._look(node, wanted)
        decision = choose_images_step(node, seen, wanted, self._known, self._source)
        if decision.action is Action.KEEP:
            return decision
        self._bring(node, seen.lacking(wanted, self._known))
        after = self._look(node, wanted)
        if missing := after.lacking(wanted, self._known):
            what = "; ".join(str(after.why_not(reference, self._known)) for reference in missing)
            raise MismatchError(
                node, f"after its images were brought there, {what}", "look at its engine's log"
            )
        return decision

    def everywhere(self, wanted: Wanted, act: Callable[[str, Collection[str]], Step]) -> tuple[Step, ...]:
        """Return what was done on each node, all at once; one error names every node where it failed."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            futures = {node: pool.submit(act, node, images) for node, images in wanted.items()}
        errors = [error for future in futures.values() if (error := future.exception())]
        _raise_all(errors)
        return tuple(future.result() for future in futures.values())

    def merged(self, first: Sequence[Step], rest: Sequence[Step]) -> tuple[Step, ...]:
        """Return one step per node: what was brought, whichever part it was."""
        later = {each.where: each for each in rest}
        return tuple(later.get(each.where, each) if each.action is Action.KEEP else each for each in first)

    @property
    def _source(self) -> str:
        return f"from {self._archive.name}" if self._archive else str(self._settings.source())

    def _look(self, node: str, wanted: Collection[str]) -> ImagesSeen:
        return look_for_images(node, self._cluster.ssh(node), wanted)

    def _bring(self, node: str, lacking: Sequence[str]) -> None:
        connection = self._cluster.ssh(node)
        if not self._archive:
            pull_images(node, connection, lacking, self._settings.source(), self._settings.secret())
        elif absent := [reference for reference in lacking if reference not in self._known]:
            raise self._not_in_archive(absent)
        else:
            load_archive(node, connection, self._archive)

    def _not_in_archive(self, names: Iterable[str]) -> RefusedError:
        where, what = f"registry.images.archive {self._archive}", f"it does not hold {', '.join(names)}"
        return RefusedError(
            where, what, "save it again with every image that the bootstrapper's `images` lists"
        )


def _answering(cluster: ClusterConnection, managers: Sequence[str]) -> list[str]:
    """Return the managers whose engine answers; all of them if none does, so that the error is theirs."""

    def answers(name: str) -> bool:
        try:
            look_for_images(name, cluster.ssh(name), ())
        except UnreachableError as error:
            get_run_logger().warning("%s: %s; no image is brought there", error.where, error.what)
            return False
        return True

    return [name for name in managers if answers(name)] or list(managers)


def _raise_all(errors: Sequence[BaseException]) -> None:
    """Raise what went wrong, all of it in one error; return where nothing did."""
    known = [error for error in errors if isinstance(error, RunbookError)]
    for error in errors:
        if error not in known or len(errors) == 1:
            raise error
    if not known:
        return
    kinds = {type(error) for error in known}
    kind = kinds.pop() if len(kinds) == 1 else RefusedError
    distinct = list(dict.fromkeys((e.where, e.what, e.next_step) for e in known))
    what = "; ".join(f"{where}: {what}" for where, what, _ in distinct)
    raise kind("images", what, "; ".join(dict.fromkeys(each[2] for each in distinct)))


def _said(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    for each in steps:
        get_run_logger().info("%s", each)
    return steps
