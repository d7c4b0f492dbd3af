"""Whatever order backups, removals and sweeps come in: no published point ever lacks a blob."""

import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.domain.recovery import MANIFEST, new_id, part_key
from runbook.remote.needed import Needed
from runbook.remote.prune import remove_point
from runbook.remote.sweep import sweep_blobs
from runbook.remote.vault_file import FileVault

GRACE = timedelta(hours=48)
BLOBS = st.frozensets(st.sampled_from("abc"), min_size=1)
EVENTS = st.one_of(
    st.tuples(st.just("begin"), BLOBS),
    st.tuples(st.sampled_from(["publish", "remove the oldest", "remove the newest", "sweep"]), st.none()),
    st.tuples(st.just("wait"), st.integers(1, 60)),
)


class World:
    """A vault, the points in it by what they need, and at most one backup under way."""

    def __init__(self, folder: Path) -> None:
        self.vault = FileVault(folder)
        self.now = datetime(2026, 11, 1, tzinfo=UTC)
        self.points: dict[str, frozenset[str]] = {}
        self.begun: tuple[datetime, frozenset[str]] | None = None

    def begin(self, blobs: frozenset[str]) -> None:
        """A backup copies what the vault lacks and relies on what it finds."""
        self.now += timedelta(seconds=1)
        self.begun = self.now, blobs
        for blob in blobs:
            key = f"prod/blobs/id/{blob}"
            if self.vault.head(key) is None:
                self.vault.put_bytes(key, b"x")
                os.utime(self.vault.root / key, (self.now.timestamp(), self.now.timestamp()))

    def publish(self) -> None:
        """It publishes, unless it took longer than the grace."""
        if self.begun and self.now - self.begun[0] < GRACE:
            began, blobs = self.begun
            identifier = new_id(began, "0a1b2c3d")
            self.vault.put_bytes(part_key("prod", identifier, MANIFEST), b"{}")
            self.points[identifier] = blobs
        self.begun = None

    def remove(self, position: int) -> None:
        if self.points:
            identifier = sorted(self.points)[position]
            assert remove_point(
                self.vault, "prod", identifier, finished=True, still_allowed=lambda: None
            ).gone
            del self.points[identifier]

    def sweep(self) -> None:
        self.now += timedelta(seconds=1)
        needed = Needed()
        for blob in {blob for blobs in self.points.values() for blob in blobs}:
            needed.add(f"prod/blobs/id/{blob}")
        sweep_blobs(self.vault, "prod", needed, now=self.now, grace=GRACE, still_allowed=lambda: None)

    def lacks(self) -> set[str]:
        needed = {blob for blobs in self.points.values() for blob in blobs}
        return {blob for blob in needed if self.vault.head(f"prod/blobs/id/{blob}") is None}


@settings(deadline=None, max_examples=60)
@given(st.lists(EVENTS, max_size=25))
def test_no_published_point_ever_lacks_a_blob(events: list[tuple[str, object]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        for event, value in events:
            match event, value:
                case "begin", frozenset():
                    world.begin(value)
                case "publish", _:
                    world.publish()
                case "remove the oldest", _:
                    world.remove(0)
                case "remove the newest", _:
                    world.remove(-1)
                case "sweep", _:
                    world.sweep()
                case "wait", int():
                    world.now += timedelta(hours=value)
            assert world.lacks() == set()


def test_what_is_no_list_is_not_taken_for_one(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.vault.put_bytes("prod/unneeded/zzz", b"?")
    world.begin(frozenset("a"))
    world.publish()
    world.sweep()
    world.remove(0)
    assert world.vault.get_bytes("prod/unneeded/zzz") == b"?"


def test_a_list_is_forgotten_with_a_point_that_came_after_it(tmp_path: Path) -> None:
    """The point needed the blob again, so that it was not unneeded for the whole time."""
    world = World(tmp_path)
    blob = frozenset("a")
    world.begin(blob)
    world.begun = None  # it died
    world.sweep()
    world.begin(blob)
    world.publish()
    world.now += GRACE
    world.remove(0)
    world.begin(blob)
    world.sweep()
    world.publish()
    assert world.lacks() == set()
