"""What the story fills a registry with: images of several layers, and what lives only in metadata."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from runbook.remote.registry_admin_api import RegistryAdmin
from runbook.remote.registry_api import Registry
from runbook.remote.registry_images import Image, build_image

MEBIBYTE = 1024 * 1024
BASE_LAYER = 9 * MEBIBYTE
TOP_LAYER = 3 * MEBIBYTE
TAGS = ("1.0", "1.1", "1.2", "2.0")
SETTINGS: Mapping[str, Any] = {"jobHistoryMaxAge": "720h", "scanningDeadline": 1800, "disableUpgrades": True}
"""Settings of the registry that differ from its defaults."""
COLLECTION: Mapping[str, Any] = {
    "action": "onlinegc",
    "schedule": "0 30 2 * * 6",
    "deadline": "4h",
    "stopTimeout": "10m",
    "retries": 1,
}
"""When garbage collection runs, and for how long at most."""


@dataclass(frozen=True)
class SampleRepository:
    """One repository of the story, and which team may do what with it."""

    namespace: str
    name: str
    visibility: str
    team: str
    access: str

    @property
    def full_name(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"


REPOSITORIES = (
    SampleRepository("engineering", "api", "private", "developers", "read-write"),
    SampleRepository("engineering", "web", "private", "developers", "read-only"),
    SampleRepository("engineering", "worker", "private", "release", "admin"),
    SampleRepository("platform", "base", "public", "operators", "admin"),
    SampleRepository("platform", "tools", "private", "operators", "read-write"),
)


def images_of(repository: SampleRepository) -> Iterator[tuple[str, Image]]:
    """Yield reference and image of each tag: a base layer that all tags share, a layer of its own, a small one.

    The content is random and always the same, so it does not compress and a second story pushes equal digests.
    """
    base = random.Random(repository.full_name).randbytes(BASE_LAYER)
    for tag in TAGS:
        own = random.Random(f"{repository.full_name}:{tag}")
        layers = [base, own.randbytes(TOP_LAYER), own.randbytes(1024)]
        yield f"{repository.full_name}:{tag}", build_image(layers, labels={"version": tag})


def late_image() -> tuple[str, Image]:
    """Return reference and image of a push that comes after the backup, and is lost."""
    layers = [random.Random("late").randbytes(MEBIBYTE)]
    return f"{REPOSITORIES[0].full_name}:3.0-late", build_image(layers)


def write_settings(admin: RegistryAdmin) -> None:
    """Leave the registry with the story's settings, schedule, repositories and permissions."""
    admin.change_settings(SETTINGS)
    admin.set_cron(COLLECTION)
    for each in REPOSITORIES:
        admin.create_repository(each.namespace, each.name, visibility=each.visibility)
        admin.set_team_access(each.namespace, each.name, each.team, each.access)


def read_settings(admin: RegistryAdmin) -> dict[str, Any]:
    """Return what lives only in metadata, to be compared before and after."""
    settings = admin.settings().all
    return {
        "settings": {name: settings.get(name) for name in SETTINGS},
        "repositories": {r.full_name: r.visibility for r in admin.repositories()},
        "schedules": admin.crons(),
        "permissions": {r.full_name: admin.team_access(r.namespace, r.name) for r in REPOSITORIES},
    }


def push_repository(registry: Registry, repository: SampleRepository) -> dict[str, str]:
    """Leave all tags of a repository pushed; return reference and digest of each."""
    return {reference: registry.push_image(reference, image) for reference, image in images_of(repository)}
