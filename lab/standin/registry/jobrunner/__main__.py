"""Service `jobrunner`: turns due crons into jobs and runs jobs."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from registry import jobs, properties, schedules, supervisor
from registry.etcd import DatabaseRefusedError, DatabaseUnavailableError
from registry.jobrunner.worker import Worker
from registry.replica_context import Context, context, when_ready

_POLL = 1.0
_CRON_EVERY = 10.0
_CATCH_UP = 60
_LAST = "/jobrunner/crons/"


async def _queue_due(running_in: Context) -> None:
    """Queue a job for each cron that came due since any worker last looked."""
    now = datetime.now(UTC).replace(microsecond=0)
    async for cron in running_in.tables.rows("crons"):
        key = _LAST + cron["action"]
        seen = await running_in.database.get(key)
        last = datetime.fromisoformat(seen.value.decode()) if seen else now
        first_at_look = await running_in.database.put_if(key, now.isoformat(), seen.changed if seen else 0)
        if first_at_look and _is_due(cron["schedule"], last, now):
            await jobs.add(running_in.database, cron["action"], cron["parameters"])


def _is_due(schedule: str, last: datetime, now: datetime) -> bool:
    """Tell whether the schedule had a moment after `last` and not after `now`, a minute back at most."""
    seconds = min(int((now - last).total_seconds()), _CATCH_UP)
    parsed = schedules.parse(schedule)
    return any(parsed.matches(now - timedelta(seconds=back)) for back in range(seconds))


async def serve() -> None:
    """Serve until the container is stopped."""
    async with context() as running_in:
        await when_ready(lambda: running_in.tables.property(properties.SCHEMA))
        await asyncio.gather(_follow_crons(running_in), _follow_jobs(Worker(running_in)))


async def _follow_crons(running_in: Context) -> None:
    while True:
        with _reported():
            await _queue_due(running_in)
        await asyncio.sleep(_CRON_EVERY)


async def _follow_jobs(worker: Worker) -> None:
    while True:
        with _reported():
            await worker.keep_alive()
            await worker.bury_dead()
            await worker.run_waiting()
        await asyncio.sleep(_POLL)


@contextmanager
def _reported() -> Iterator[None]:
    """Say on stderr that the database is away; the next round tries again."""
    try:
        yield
    except (DatabaseUnavailableError, DatabaseRefusedError) as exc:
        sys.stderr.write(f"unable to query db: rethinkdb: {exc}\n")


if __name__ == "__main__":
    supervisor.run(serve())
