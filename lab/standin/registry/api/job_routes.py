"""Jobs, crons and workers."""

from http import HTTPStatus

from aiohttp import web

from registry import jobs, properties, schedules
from registry.api import access
from registry.etcd import Row
from registry.jobs import Job
from registry.service import ApiError
from registry.tables import JsonRow

_LIMIT = 10
_SETTABLE = ("retries", "capacityMap", "parameters", "deadline", "stopTimeout")
_ENDED = (jobs.DONE, jobs.FAILED, jobs.CANCELLED, jobs.WORKER_DEAD)


def _known_action(given: JsonRow) -> str:
    action = given.get("action")
    if action not in jobs.actions():
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "INVALID_JOB_ACTION",
            f"{action}: this version runs {', '.join(jobs.actions())}",
        )
    return str(action)


async def _job(request: web.Request) -> tuple[Job, Row]:
    await access.administrator(request)
    found = await jobs.find(access.tables(request).database, request.match_info["id"])
    if found is None:
        raise ApiError(HTTPStatus.NOT_FOUND, "NO_SUCH_JOB", "A job with that ID does not exist.")
    return found


async def list_jobs(request: web.Request) -> web.Response:
    """Answer with the newest jobs, filtered by action, worker and whether they run."""
    await access.administrator(request)
    query = request.query
    found = [job for job, _ in await jobs.everything(access.tables(request).database)]
    for name, key in (("action", "action"), ("worker", "workerID")):
        if query.get(name, "any") != "any":
            found = [job for job in found if job[key] == query[name]]
    if query.get("running", "any") != "any":
        wanted = query["running"] == "true"
        found = [job for job in found if (job["status"] == jobs.RUNNING) is wanted]
    start, limit = int(query.get("start", "0")), int(query.get("limit", str(_LIMIT)))
    return web.json_response({"jobs": found[start : start + limit]})


async def post_job(request: web.Request) -> web.Response:
    """Queue a job."""
    await access.administrator(request)
    given = await access.body(request)
    job = await jobs.add(access.tables(request).database, _known_action(given), given.get("parameters"))
    return web.json_response(job, status=HTTPStatus.ACCEPTED)


async def get_job(request: web.Request) -> web.Response:
    """Answer with one job."""
    return web.json_response((await _job(request))[0])


async def delete_job(request: web.Request) -> web.Response:
    """Delete a job that has ended."""
    job, _ = await _job(request)
    if job["status"] not in _ENDED:
        raise ApiError(HTTPStatus.CONFLICT, "JOB_RUNNING", "The job has not ended.")
    await jobs.delete(access.tables(request).database, job["id"])
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def get_logs(request: web.Request) -> web.Response:
    """Answer with the log of a job."""
    job, _ = await _job(request)
    return web.json_response(await jobs.logs(access.tables(request).database, job["id"]))


async def cancel_job(request: web.Request) -> web.Response:
    """Ask for the end of a job."""
    job, row = await _job(request)
    status = jobs.CANCELLED if job["status"] == jobs.WAITING else jobs.CANCEL_REQUEST
    if job["status"] in _ENDED or not await jobs.change(
        access.tables(request).database, job, row, status=status
    ):
        raise ApiError(HTTPStatus.CONFLICT, "JOB_ENDED", "The job has ended or was changed meanwhile.")
    return web.json_response({}, status=HTTPStatus.ACCEPTED)


async def list_crons(request: web.Request) -> web.Response:
    """Answer with all crons."""
    await access.administrator(request)
    return web.json_response({"crons": [row async for row in access.tables(request).rows("crons")]})


async def get_cron(request: web.Request) -> web.Response:
    """Answer with the cron of an action."""
    await access.administrator(request)
    row = await access.tables(request).get("crons", request.match_info["action"])
    if row is None:
        raise ApiError(HTTPStatus.NOT_FOUND, "NO_SUCH_CRON", "There is no cron for that action.")
    return web.json_response(row)


async def post_cron(request: web.Request) -> web.Response:
    """Create the cron of an action, or replace it."""
    await access.administrator(request)
    given = await access.body(request)
    schedule = str(given.get("schedule", ""))
    try:
        schedules.parse(schedule)
    except ValueError as exc:
        raise ApiError(HTTPStatus.BAD_REQUEST, "INVALID_CRON_SCHEDULE", str(exc)) from exc
    row = properties.new_cron(_known_action(given), schedule)
    row |= {name: given[name] for name in _SETTABLE if name in given}
    await access.tables(request).put("crons", row)
    return web.json_response(row, status=HTTPStatus.ACCEPTED)


async def delete_cron(request: web.Request) -> web.Response:
    """Leave no cron for that action."""
    await access.administrator(request)
    await access.tables(request).delete("crons", request.match_info["action"])
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def list_workers(request: web.Request) -> web.Response:
    """Answer with the workers that live."""
    await access.administrator(request)
    names = await jobs.workers(access.tables(request).database)
    return web.json_response({"workers": [{"id": name, "status": "running"} for name in names]})


ROUTES = [
    web.get("/api/v0/jobs", list_jobs),
    web.post("/api/v0/jobs", post_job),
    web.get("/api/v0/jobs/{id}", get_job),
    web.delete("/api/v0/jobs/{id}", delete_job),
    web.get("/api/v0/jobs/{id}/logs", get_logs),
    web.post("/api/v0/jobs/{id}/cancel", cancel_job),
    web.get("/api/v0/crons", list_crons),
    web.post("/api/v0/crons", post_cron),
    web.get("/api/v0/crons/{action}", get_cron),
    web.delete("/api/v0/crons/{action}", delete_cron),
    web.get("/api/v0/workers", list_workers),
]
