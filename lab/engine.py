"""The host's Docker engine: one that answers is used, a missing one is installed and started."""

import os
import subprocess
from contextlib import closing
from pathlib import Path

import docker
from docker.errors import DockerException

from lab import processes
from lab.host_tools import ensure_program, is_root
from lab.paths import ENGINE_LOG, RUN
from lab.progress import say
from lab.state import read_state, remember
from lab.waiting import wait_until
from runbook.domain.errors import RefusedError

_SOCKET = "unix:///var/run/docker.sock"
_PID_FILE = RUN / "dockerd.json"
_SYSTEMD = Path("/run/systemd/system")
_TIMEOUT = 300
_OLDEST_API = "1.24"

# All addresses an engine of ours hands out lie in the range that is reserved for tests of networks.
_DOCKERD = (
    "dockerd",
    "--storage-driver=overlay2",
    "--bip=198.18.255.1/24",
    "--default-address-pool=base=198.18.128.0/18,size=24",
)


def ensure_engine() -> docker.DockerClient:
    """Return a client of an engine that answers; it is installed and started if that is needed."""
    if (client := answering_engine()) is not None:
        return client
    if "DOCKER_HOST" in os.environ:
        raise RefusedError(
            f"engine at {_address()}", "it does not answer", "start it, or unset DOCKER_HOST, then rerun"
        )
    if not is_root():
        raise RefusedError(
            "this host",
            "no Docker engine answers at /var/run/docker.sock, and only root can install and start one",
            "start an engine this user may use, or rerun as root",
        )
    ensure_program("dockerd", "docker.io", "iptables", "ca-certificates")
    if (client := answering_engine()) is not None:
        remember(engine_started=True)  # by its package, which was installed just now
        return client
    _start()
    return _wait_for_answer()


def answering_engine() -> docker.DockerClient | None:
    """Return a client of the engine at DOCKER_HOST or the usual socket, None if none answers."""
    scheme, _, path = _address().partition("://")
    if scheme == "unix" and not Path(path).exists():
        return None
    try:
        with closing(_client(_OLDEST_API)) as probe:
            spoken = probe.version(api_version=False)["ApiVersion"]
        return _client(spoken)
    except (DockerException, OSError):
        return None


def stop_engine() -> None:
    """Stop the engine if this checkout started it and nobody's container runs on it."""
    if not read_state().engine_started:
        return
    if _in_use():
        say("engine: kept, containers of others run on it")
        return
    if _SYSTEMD.is_dir():
        subprocess.run(["systemctl", "stop", "docker.service", "docker.socket"], check=False)
    else:
        processes.stop(_PID_FILE, seconds=60)
    remember(engine_started=False)
    say("engine: stopped, it was started by this checkout")


def _in_use() -> bool:
    """Whether any container runs on the engine."""
    client = answering_engine()
    if client is None:
        return False
    with closing(client):
        return bool(client.containers.list())


def _start() -> None:
    """Have an engine come up that survives this command."""
    say("engine: start")
    if _SYSTEMD.is_dir():
        subprocess.run(["systemctl", "start", "docker.service"], check=False)
    else:
        processes.start(_DOCKERD, _PID_FILE, ENGINE_LOG, os.environ)
    remember(engine_started=True)


def _wait_for_answer() -> docker.DockerClient:
    """Return a client of the engine as soon as it answers."""
    answers: list[docker.DockerClient] = []

    def why_not() -> str | None:
        if (client := answering_engine()) is None:
            return "it does not answer"
        answers.append(client)
        return None

    wait_until(why_not, "engine on this host", f"read {ENGINE_LOG} or journalctl -u docker", seconds=60)
    return answers[0]


def _client(api_version: str) -> docker.DockerClient:
    """Return a client that speaks this version of the API; nothing is asked yet."""
    client = docker.DockerClient(base_url=_address(), tls=_tls(), version=api_version, timeout=_TIMEOUT)
    client.api.trust_env = False  # else REQUESTS_CA_BUNDLE takes the place of the engine's own authority
    return client


def _address() -> str:
    """Where the engine is looked for."""
    return os.environ.get("DOCKER_HOST", _SOCKET)


def _tls() -> docker.TLSConfig | bool:
    """The TLS settings that the environment asks for, as the docker command reads them."""
    if not os.environ.get("DOCKER_TLS_VERIFY"):
        return False
    folder = Path(os.environ.get("DOCKER_CERT_PATH", Path.home() / ".docker"))
    return docker.TLSConfig(
        client_cert=(str(folder / "cert.pem"), str(folder / "key.pem")),
        ca_cert=str(folder / "ca.pem"),
        verify=True,
    )
