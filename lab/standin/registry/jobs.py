"""Jobs of the job runner: queued by the API and by crons, run by one worker, kept out of backups."""

import json
import uuid
from typing import Any

from registry import clock, version
from registry.etcd import Etcd, Row

_JOBS = "/jobrunner/jobs/"
_LOGS = "/jobrunner/logs/"
_WORKERS = "/jobrunner/workers/"

WAITING = "waiting"
RUNNING = "running"
DONE = "done"
FAILED = "error"
CANCEL_REQUEST = "cancel_request"
CANCELLED = "cancel"
WORKER_DEAD = "worker_dead"

_ALWAYS = ("sleep", "false", "tagmigration")
_OFFLINE_GC = ("gc",)
_ONLINE_GC = ("onlinegc", "onlinegc_metadata", "onlinegc_joblogs", "onlinegc_blobs")

Job = dict[str, Any]


def actions() -> tuple[str, ...]:
    """Return the actions that this version can run."""
    return _ALWAYS + (_ONLINE_GC if version.at_least(version.ONLINE_GC) else _OFFLINE_GC)


async def add(database: Etcd, action: str, parameters: dict[str, Any] | None = None) -> Job:
    """Return a new job that waits for a worker."""
    job: Job = {
        "id": str(uuid.uuid4()), "retryFromID": "", "workerID": "", "status": WAITING,
        "scheduledAt": clock.now(), "lastUpdated": clock.now(), "action": action, "retriesLeft": 0,
        "retriesTotal": 0, "capacityMap": {}, "parameters": parameters or {}, "deadline": "",
        "stopTimeout": "",
    }  # fmt: skip
    job["retryFromID"] = job["id"]
    await database.put(_JOBS + job["id"], json.dumps(job))
    return job


async def find(database: Etcd, job_id: str) -> tuple[Job, Row] | None:
    """Return a job and its row."""
    row = await database.get(_JOBS + job_id)
    return (json.loads(row.value), row) if row else None


async def everything(database: Etcd) -> list[tuple[Job, Row]]:
    """Return all jobs, newest first."""
    found = [(json.loads(row.value), row) async for row in database.rows(_JOBS)]
    return sorted(found, key=lambda pair: str(pair[0]["scheduledAt"]), reverse=True)


async def change(database: Etcd, job: Job, row: Row, **values: Any) -> bool:
    """Write new values unless somebody else changed the job meanwhile."""
    changed = job | values | {"lastUpdated": clock.now()}
    return await database.put_if(row.key, json.dumps(changed), row.changed)


async def log(database: Etcd, job_id: str, number: int, text: str) -> None:
    """Add a line to a job's log."""
    line = {"jobID": job_id, "lineNum": number, "data": text, "time": clock.now()}
    await database.put(f"{_LOGS}{job_id}/{number:06d}", json.dumps(line))


async def logs(database: Etcd, job_id: str) -> list[dict[str, Any]]:
    """Return the log of a job."""
    return [json.loads(row.value) async for row in database.rows(f"{_LOGS}{job_id}/")]


async def delete(database: Etcd, job_id: str) -> None:
    """Leave neither the job nor its log."""
    await database.delete(_JOBS + job_id)
    await database.delete_below(f"{_LOGS}{job_id}/")


async def announce_worker(database: Etcd, worker: str, lease: str) -> None:
    """Leave the worker known for as long as its lease lives."""
    await database.put(_WORKERS + worker, clock.now(), lease)


async def workers(database: Etcd) -> list[str]:
    """Return the workers that live."""
    return [row.key.removeprefix(_WORKERS) async for row in database.rows(_WORKERS)]
