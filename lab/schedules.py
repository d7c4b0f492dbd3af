"""The schedules of the lab's deployments: a run that begins by itself would disturb a rehearsal or a test."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient


@contextmanager
def schedules_paused(api_url: str) -> Iterator[None]:
    """Keep every schedule that is on from starting a run while the block lasts; it is on again afterwards."""
    with SyncPrefectClient(api=api_url) as client:
        deployments = client.read_deployments()
    active = [(d.id, schedule.id) for d in deployments for schedule in d.schedules if schedule.active]
    try:
        _switch(api_url, active, on=False)
        yield
    finally:
        _switch(api_url, active, on=True)


def _switch(api_url: str, schedules: list[tuple[UUID, UUID]], *, on: bool) -> None:
    with SyncPrefectClient(api=api_url) as client:
        for deployment, schedule in schedules:
            client.update_deployment_schedule(deployment, schedule, active=on)
