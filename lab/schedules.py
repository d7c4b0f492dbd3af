"""The schedules of the lab's deployments: a run that begins by itself would disturb a rehearsal or a test."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import UUID, uuid4

from filelock import FileLock, Timeout
from prefect.client.orchestration import SyncPrefectClient
from prefect.exceptions import ObjectNotFound

from lab.paths import RUN

Schedules = list[tuple[UUID, UUID]]
_NOTES = "schedules-off-*.json"


@contextmanager
def schedules_paused(api_url: str, notes: Path = RUN) -> Iterator[None]:
    """Keep every schedule that is on from starting a run while the block lasts; it is on again afterwards."""
    with SyncPrefectClient(api=api_url) as client:
        deployments = client.read_deployments()
    active = [(d.id, schedule.id) for d in deployments for schedule in d.schedules if schedule.active]
    with _noted(active, notes) as note:
        try:
            _switch(api_url, active, on=False)
            yield
        finally:
            _switch(api_url, active, on=True)
            note.unlink()


def resume_forgotten(api_url: str, notes: Path = RUN) -> None:
    """Leave no schedule off that a process paused which was killed meanwhile."""
    for note in notes.glob(_NOTES):
        with suppress(Timeout), FileLock(_lock_of(note), timeout=0):
            paused = [
                (UUID(deployment), UUID(schedule)) for deployment, schedule in json.loads(note.read_text())
            ]
            _switch(api_url, paused, on=True)
            note.unlink()
            _lock_of(note).unlink()


@contextmanager
def _noted(paused: Schedules, notes: Path) -> Iterator[Path]:
    """Keep a note of what is paused, locked for as long as this process lives to end the pause itself."""
    notes.mkdir(parents=True, exist_ok=True)
    note = notes / _NOTES.replace("*", uuid4().hex)
    with FileLock(_lock_of(note)):
        note.write_text(json.dumps([[str(deployment), str(schedule)] for deployment, schedule in paused]))
        yield note
    _lock_of(note).unlink(missing_ok=True)


def _lock_of(note: Path) -> Path:
    return note.with_suffix(".lock")


def _switch(api_url: str, schedules: Schedules, *, on: bool) -> None:
    with SyncPrefectClient(api=api_url) as client:
        for deployment, schedule in schedules:
            with suppress(ObjectNotFound):  # of a server whose database was made anew
                client.update_deployment_schedule(deployment, schedule, active=on)
