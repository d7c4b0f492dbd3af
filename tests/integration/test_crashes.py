"""A backup that is killed anywhere: what is there then, and what the same backup makes of it when it runs again."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from prefect.logging import disable_run_logger

from runbook.domain.errors import LockedError
from runbook.domain.locks import LockRecord
from runbook.remote.catalogue import expected_points
from runbook.remote.encryption import generate_identity
from runbook.remote.locks import lock_key
from runbook.remote.recovery_points import list_points
from runbook.remote.recovery_verify import verify_point
from tests.fakes.backup_process import Scene, killed_at
from tests.fakes.scheduler import GC, SATURDAY
from tests.fakes.step_run import back_up
from tests.integration.recovery_fixtures import Endpoint, s3_endpoint

KEYS = generate_identity()
BALLAST = random.Random(0).randbytes(150 * 1024).hex()  # compresses to a half: three parts
STEPS = (
    "begin_point", "release_stale_hold", "copy_images", "push_canary", "hold_garbage_collection",
    "stream_metadata", "release_hold", "prove_point", "seal_point", "publish_point",
)  # fmt: skip
UNFINISHED = "it was never finished: it has no manifest"


class World:
    """A registry with an image, its vault, and everything that can be asked of them."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.cluster = scene.cluster()
        self.cluster.push_first_image()
        self.vault = self.cluster.vault
        self._sound: set[str] = set()

    def verified(self) -> set[str]:
        """The points that count; each is what it says."""
        found = {point.id: point.manifest for point in list_points(self.vault, "lab") if point.manifest}
        for manifest in (manifest for name, manifest in found.items() if name not in self._sound):
            assert verify_point(self.vault, manifest, KEYS[0]).sound
        self._sound |= found.keys()
        return set(found)

    def unfinished(self) -> dict[str, str | None]:
        return {point.id: point.problem for point in list_points(self.vault, "lab") if not point.manifest}

    def records(self) -> list[str]:
        """What is in the vault beside points, their blobs and their catalogue."""
        kept = ("lab/blobs/", "lab/points/", "lab/catalogue/")
        return [seen.key for seen in self.vault.list("") if not seen.key.startswith(kept)]

    def a_minute_passes(self) -> None:
        """The lease of a lock that is not renewed has ended."""
        if self.vault.head(lock_key("lab")):
            record = LockRecord.from_json(self.vault.get_bytes(lock_key("lab")))
            self.vault.put_bytes(lock_key("lab"), replace(record, until=record.since).to_json())

    def is_finished_by_the_next(self, before: set[str]) -> None:
        """Check that a crash left the old points, perhaps with the new one, and that the next run leaves no trace."""
        seen, left = self.verified(), self.unfinished()
        assert before <= seen
        assert len(seen - before) <= 1
        assert set(left.values()) <= {UNFINISHED}
        self.a_minute_passes()
        made = back_up(self.cluster)
        assert self.verified() == seen | {made.id}
        assert self.unfinished() == left
        assert self.cluster.small.crons()[GC] == SATURDAY
        assert self.records() == []
        assert expected_points(self.vault, "lab") == self.verified()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with pytest.MonkeyPatch.context() as patch, s3_endpoint() as seen:
        patch.setattr("moto.s3.models.S3_UPLOAD_PART_MIN_SIZE", 256)
        yield seen


@pytest.fixture(scope="module")
def bucket(endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> World:
    """One for all crashes: each finds what the ones before it have left."""
    folder = tmp_path_factory.mktemp("registry")
    scene = Scene(endpoint.new_bucket(), endpoint.new_bucket(), folder, KEYS, endpoint.settings, BALLAST)
    return World(scene)


@pytest.fixture
def folder(tmp_path: Path) -> World:
    for name in ("storage", "vault", "registry"):
        (tmp_path / name).mkdir()
    return World(Scene(str(tmp_path / "storage"), str(tmp_path / "vault"), tmp_path / "registry", KEYS))


@pytest.fixture(autouse=True)
def no_run() -> Iterator[None]:
    """Tasks are called as functions here; there is no run to log to."""
    with disable_run_logger():
        yield


def uploads(endpoint: Endpoint, world: World) -> list[str]:
    found = endpoint.client.list_multipart_uploads(Bucket=world.scene.vault)
    return [upload["Key"] for upload in found.get("Uploads", [])]


@pytest.mark.parametrize("place", [f"before {step}" for step in STEPS] + ["after publish_point"])
def test_a_backup_that_is_killed_between_two_steps_is_finished_by_the_next(
    endpoint: Endpoint, bucket: World, place: str
) -> None:
    before = bucket.verified()
    assert killed_at(bucket.scene, place)
    assert bool(bucket.verified() - before) is (place == "after publish_point")
    bucket.is_finished_by_the_next(before)
    assert uploads(endpoint, bucket) == []


def test_a_backup_that_is_killed_amid_an_upload_leaves_at_most_the_upload_of_its_unfinished_point(
    endpoint: Endpoint, bucket: World
) -> None:
    before, others = bucket.verified(), bucket.unfinished()
    assert killed_at(bucket.scene, "part 2")
    (left,) = uploads(endpoint, bucket)
    assert left.split("/")[2] not in before | others.keys()
    bucket.is_finished_by_the_next(before)
    assert set(uploads(endpoint, bucket)) <= {left}


def test_a_backup_that_is_killed_before_any_change_that_it_makes_is_finished_by_the_next(
    folder: World,
) -> None:
    before, change = folder.verified(), 1
    while killed_at(folder.scene, change):
        folder.is_finished_by_the_next(before)
        before, change = folder.verified(), change + 1
    assert change > len(STEPS)


def test_a_killed_backup_keeps_others_out_until_its_lease_ends(folder: World) -> None:
    assert killed_at(folder.scene, "after hold_garbage_collection")
    with pytest.raises(LockedError, match="backup holds the cluster since"):
        back_up(folder.cluster)
    assert GC not in folder.cluster.small.crons()
    folder.a_minute_passes()
    back_up(folder.cluster)
    assert folder.cluster.small.crons()[GC] == SATURDAY
