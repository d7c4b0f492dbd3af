"""The lab's own Prefect: a server with a UI on a loopback port and a process worker."""

import datetime as dt
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version

import httpx
from cryptography.fernet import Fernet

from lab import processes
from lab.files import write_secret
from lab.paths import CACHE, PREFECT, ROOT, RUN
from lab.progress import say
from lab.state import read_state, remember
from lab.waiting import WhyNot, wait_until
from runbook.domain.errors import NotReadyError

POOL = "runbook-pool"
WORKER = "lab-worker"
_SERVER_PID, _WORKER_PID = RUN / "prefect-server.json", RUN / "prefect-worker.json"
_SERVER_LOG, _WORKER_LOG = PREFECT / "server.log", PREFECT / "worker.log"
_DATABASE = PREFECT / "prefect.db"
_ENCRYPTION_KEY = PREFECT / "encryption-key"
_READY_SECONDS = 120


def ensure_services() -> None:
    """Leave a server that is ready and a worker that polls its pool."""
    _ensure_server()
    _ensure_worker()


def stop_services() -> None:
    """Leave neither worker nor server."""
    for name, pid_file in (("worker", _WORKER_PID), ("server", _SERVER_PID)):
        if processes.stop(pid_file):
            say(f"Prefect {name}: stopped")


def kill_worker() -> None:
    """End the worker and the runs that it started as a power cut would: none can tell of the other's end."""
    with processes.stopped(_WORKER_PID):
        for run in processes.with_variables("PREFECT__FLOW_RUN_ID=", f"PREFECT_API_URL={api_url()}\0"):
            os.kill(run, signal.SIGKILL)
        processes.kill(_WORKER_PID)


def forget_runs() -> None:
    """Leave nothing of the server's database: its runs speak of a lab that is gone. The logs stay."""
    if not PREFECT.is_dir():
        return
    for path in PREFECT.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.suffix != ".log":
            path.unlink()


def api_url() -> str:
    """Where the server's API answers."""
    return f"{ui_url()}/api"


def ui_url() -> str:
    """Where a person looks at it."""
    port = read_state().prefect_port
    if port is None:
        raise NotReadyError("Prefect server", "it was never started", "run: runbook lab up")
    return f"http://127.0.0.1:{port}"


def environment() -> dict[str, str]:
    """Return the environment of a client of this server: nothing else that Prefect reads is left in it."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return others | {
        "DO_NOT_TRACK": "1",
        "PREFECT_API_REQUEST_TIMEOUT": "180",  # two labs at once leave the server little of a small machine
        "PREFECT_API_URL": api_url(),
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        "PREFECT_HOME": str(PREFECT),
        "PREFECT_LOGGING_EXTRA_LOGGERS": "runbook",
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "RUNBOOK_HOME": str(ROOT),
    }


def why_server_not_ready() -> str | None:
    """Return why the server cannot be used, None if it can."""
    if processes.running(_SERVER_PID) is None:
        return "it does not run"
    try:
        status = httpx.get(f"{api_url()}/ready", timeout=2, trust_env=False).status_code
    except httpx.HTTPError as error:
        return f"it does not answer ({type(error).__name__})"
    return None if status == httpx.codes.OK else f"/api/ready answers {status}"


def why_worker_not_ready() -> str | None:
    """Return why no run would be picked up, None if one would."""
    if processes.running(_WORKER_PID) is None:
        return "it does not run"
    try:
        answer = httpx.post(
            f"{api_url()}/work_pools/{POOL}/workers/filter", json={}, timeout=5, trust_env=False
        )
    except httpx.HTTPError as error:
        return f"the server does not answer ({type(error).__name__})"
    workers = answer.json() if answer.status_code == httpx.codes.OK else []
    return None if any(_is_ours(worker) for worker in workers) else f"the server does not see it in {POOL}"


def _is_ours(worker: Mapping[str, str]) -> bool:
    """Whether this is the worker that runs now, and not what the server remembers of its forerunner."""
    if worker["name"] != WORKER or worker["status"] != "ONLINE":
        return False
    return dt.datetime.fromisoformat(worker["last_heartbeat_time"]) >= processes.started_at(_WORKER_PID)


def _ensure_server() -> None:
    """Leave a server that is ready."""
    if processes.running(_SERVER_PID) is None:
        say("Prefect server: start")
        _choose_port()
        _prepare_database()
        program = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1"]
        program += ["--port", str(read_state().prefect_port)]
        processes.start(program, _SERVER_PID, _SERVER_LOG, _server_environment())
    _wait("Prefect server", why_server_not_ready, f"read {_SERVER_LOG}")


def _ensure_worker() -> None:
    """Leave a worker that the server sees."""
    if processes.running(_WORKER_PID) is None:
        say("Prefect worker: start")
        program = [sys.executable, "-m", "prefect", "worker", "start"]
        program += ["--pool", POOL, "--type", "process", "--name", WORKER]
        settings = {"PREFECT_WORKER_QUERY_SECONDS": "2"}
        processes.start(program, _WORKER_PID, _WORKER_LOG, environment() | settings)
    _wait("Prefect worker", why_worker_not_ready, f"read {_WORKER_LOG}")


def _wait(where: str, why_not: WhyNot, next_step: str) -> None:
    wait_until(why_not, where, next_step, seconds=_READY_SECONDS)


def _choose_port() -> None:
    """Leave a free loopback port in the state; the last one if it is still free."""
    for port in (read_state().prefect_port or 0, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            remember(prefect_port=probe.getsockname()[1])
            return


def _prepare_database() -> None:
    """Leave a database with the current tables; the tables of a new one are made once per version."""
    if _DATABASE.exists():
        return
    PREFECT.mkdir(parents=True, exist_ok=True)
    empty = CACHE / f"prefect-{version('prefect')}.db"
    if not empty.exists():
        _make_empty_database(empty.with_suffix(".new"))
        empty.with_suffix(".new").replace(empty)
    shutil.copyfile(empty, _DATABASE)


def _make_empty_database(path: os.PathLike[str]) -> None:
    """Run Prefect's migrations into a new file."""
    CACHE.mkdir(parents=True, exist_ok=True)
    settings = {
        "PREFECT_HOME": str(CACHE / "prefect-home"),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{os.fspath(path)}",
    }
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "server", "database", "upgrade", "-y"],
        env=environment() | settings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        words = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise NotReadyError(
            "Prefect database", f"its migration failed: {words[0]}", "run make setup, then rerun"
        )


def _server_environment() -> Mapping[str, str]:
    """Return the server's environment, with the key that its blocks are encrypted with."""
    if not _ENCRYPTION_KEY.exists():
        write_secret(_ENCRYPTION_KEY, Fernet.generate_key().decode())
    return environment() | {
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{_DATABASE}",
        "PREFECT_SERVER_ENCRYPTION_KEY": _ENCRYPTION_KEY.read_text().strip(),
        "PREFECT_SERVER_UI_API_URL": api_url(),
    }
