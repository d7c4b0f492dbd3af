"""A worker: claims waiting jobs, runs them, and marks those of dead workers."""

import asyncio

from registry import jobs
from registry.etcd import Row
from registry.jobrunner.actions import ACTIONS, COLLECTING, JobFailedError
from registry.jobs import Job
from registry.replica_context import Context

_POLL = 0.5
_LEASE = 15
_GC_LOCK = "/gc/lock"


class Worker:
    """Runs one job at a time."""

    def __init__(self, running_in: Context) -> None:
        self._tables = running_in.tables
        self._database = running_in.database
        self._id = running_in.replica
        self._lease = ""

    async def keep_alive(self) -> None:
        """Announce the worker, again after its lease was lost."""
        if not self._lease or not await self._database.keep_alive(self._lease):
            self._lease = await self._database.grant(_LEASE)
            await jobs.announce_worker(self._database, self._id, self._lease)

    async def run_waiting(self) -> None:
        """Run the oldest waiting job that this worker can claim."""
        for job, row in reversed(await jobs.everything(self._database)):
            if job["status"] == jobs.WAITING and await self._claim(job, row):
                await self._run(job["id"])
                return

    async def _claim(self, job: Job, row: Row) -> bool:
        collects = job["action"] in COLLECTING
        if collects and not await self._database.put_if(_GC_LOCK, self._id, 0, self._lease):
            return False
        claimed = await jobs.change(self._database, job, row, status=jobs.RUNNING, workerID=self._id)
        if collects and not claimed:
            await self._database.delete(_GC_LOCK)
        return claimed

    async def _run(self, job_id: str) -> None:
        found = await jobs.find(self._database, job_id)
        if found is None:
            return
        job = found[0]
        work = asyncio.ensure_future(ACTIONS[job["action"]](self._tables, _Log(self, job_id)))
        try:
            status = await self._until_ended(work, job_id)
        finally:
            work.cancel()
            if job["action"] in COLLECTING:
                await self._database.delete(_GC_LOCK)
        await self._end(job_id, status)

    async def _until_ended(self, work: "asyncio.Future[None]", job_id: str) -> str:
        while not (await asyncio.wait([work], timeout=_POLL))[0]:
            await self.keep_alive()
            found = await jobs.find(self._database, job_id)
            if found is None or found[0]["status"] == jobs.CANCEL_REQUEST:
                return jobs.CANCELLED
        try:
            work.result()
        except JobFailedError as exc:
            await _Log(self, job_id)(str(exc))
            return jobs.FAILED
        return jobs.DONE

    async def _end(self, job_id: str, status: str) -> None:
        found = await jobs.find(self._database, job_id)
        if found:
            await jobs.change(self._database, *found, status=status)

    async def bury_dead(self) -> None:
        """Mark the running jobs of workers that no longer live."""
        living = await jobs.workers(self._database)
        for job, row in await jobs.everything(self._database):
            running = job["status"] in (jobs.RUNNING, jobs.CANCEL_REQUEST)
            if running and (job["workerID"] not in living or job["workerID"] == self._id):
                await jobs.change(self._database, job, row, status=jobs.WORKER_DEAD)

    async def log(self, job_id: str, number: int, text: str) -> None:
        """Write a line of a job's log."""
        await jobs.log(self._database, job_id, number, text)


class _Log:
    """Numbers the lines of one job's log."""

    def __init__(self, worker: Worker, job_id: str) -> None:
        self._worker = worker
        self._job_id = job_id
        self._number = 0

    async def __call__(self, text: str) -> None:
        await self._worker.log(self._job_id, self._number, text)
        self._number += 1
