"""The `docker` transport: the Docker SDK over the control plane's client bundle."""

import logging
import secrets
import ssl
from collections.abc import Callable, Mapping
from typing import Any

from docker import APIClient
from docker.types import LogConfig

from runbook.remote.attach import attach
from runbook.remote.client_bundle import ClientBundle
from runbook.remote.control_plane_api import ControlPlane
from runbook.remote.docker_command import DockerCommand
from runbook.remote.docker_errors import DOCKER_FAILURES, explain, is_gone
from runbook.remote.engine_json import parse_list
from runbook.remote.transport import (
    ENGINE_SOCKET,
    SOCKET_OPTIONS,
    ContainerRun,
    ContainerSeen,
    Observation,
    VolumeSeen,
)

logger = logging.getLogger(__name__)

_TIMEOUT = 60
_CONNECT_TIMEOUT = 10.0
_STOP_SECONDS = 10


class DockerTransport:
    """Runs containers and looks at every node through the control plane's URL alone.

    `node` is where the bootstrapper runs; without it the control plane chooses.
    """

    name = "docker"

    def __init__(self, control_plane: ControlPlane, node: str | None = None) -> None:
        self._control_plane = control_plane
        self._node = node
        self._where = control_plane.where
        self._bundle = ClientBundle(self._where, control_plane.client_bundle())
        try:
            self._context: ssl.SSLContext = self._bundle.make_context()
            self._client: APIClient = self._bundle.make_client(control_plane.access.url, _TIMEOUT)
        except DOCKER_FAILURES as error:
            self._bundle.close()
            raise explain(self._where, "no Docker connection with its client bundle", error) from error

    def start(self, run: ContainerRun, on_stderr: Callable[[str], None]) -> DockerCommand:
        """Start the container; it is gone when the command is left."""
        name = run.name or f"runbook-{secrets.token_hex(6)}"
        try:
            container = self._create(name, run)
        except DOCKER_FAILURES as error:
            raise explain(self._where, f"a container of {run.image} could not be created", error) from error
        try:
            return self._start(container, on_stderr)
        except DOCKER_FAILURES as error:
            self._remove(container)
            raise explain(self._where, f"a container of {run.image} could not be started", error) from error
        except BaseException:
            self._remove(container)
            raise

    def containers(self, name_prefix: str = "dtr-") -> Observation[ContainerSeen]:
        """Return the containers on every reachable node, stopped ones included."""
        listed, unreachable = self._ask(lambda: self._client.containers(all=True))
        seen = tuple(c for c in parse_list(listed) if c.name.startswith(name_prefix))
        return Observation(seen, unreachable)

    def volumes(self, name_prefix: str = "dtr-") -> Observation[VolumeSeen]:
        """Return the volumes on every reachable node."""
        listed, unreachable = self._ask(lambda: self._client.volumes()["Volumes"])
        placed = (volume["Name"].rpartition("/") for volume in listed or ())
        seen = (VolumeSeen(node, name) for node, _, name in placed if name.startswith(name_prefix))
        return Observation(tuple(seen), unreachable)

    def close(self) -> None:
        """Close the connections and delete the client bundle from this machine."""
        self._client.close()
        self._bundle.close()

    def _create(self, name: str, run: ContainerRun) -> str:
        environment = [f"{key}={value}" for key, value in run.env.items()]
        secret = run.secret_env.items()
        environment += [f"{variable}={value.get_secret_value()}" for variable, value in secret]
        if self._node is not None:
            environment.append(f"constraint:node=={self._node}")
        log_config = LogConfig(type="none") if run.log_driver_none else None
        created = self._client.create_container(
            run.image,
            list(run.args),
            name=name,
            environment=environment,
            stdin_open=run.interactive,
            detach=False,  # with True the engine would wait for an end of input that never comes
            use_config_proxy=False,
            host_config=self._client.create_host_config(
                auto_remove=True,
                log_config=log_config,
                binds=[f"{ENGINE_SOCKET}:{ENGINE_SOCKET}"] if run.uses_engine else None,
                security_opt=list(SOCKET_OPTIONS) if run.uses_engine else None,
            ),
        )
        return str(created["Id"])

    def _start(self, container: str, on_stderr: Callable[[str], None]) -> DockerCommand:
        """Attach, ask for the exit status, start: in this order nothing is missed, however short it lives."""
        path = f"/v{self._client.api_version}/containers/{container}"
        query = "stdin=1&stdout=1&stderr=1&stream=1"
        stream = attach(self._client.base_url, f"{path}/attach?{query}", self._context, _CONNECT_TIMEOUT)
        try:
            url = f"{self._client.base_url}{path}/wait?condition=removed"
            exit_answer = self._client.post(url, stream=True, timeout=(_CONNECT_TIMEOUT, None))
            exit_answer.raise_for_status()
            self._client.start(container)
        except BaseException:
            stream.close()
            raise
        return DockerCommand(self._where, stream, exit_answer, on_stderr, lambda: self._remove(container))

    def _remove(self, container: str) -> None:
        """Stop the container politely, so that it can tidy up its second phase, and remove it."""
        try:
            self._client.stop(container, timeout=_STOP_SECONDS)
            self._client.remove_container(container, force=True)
        except DOCKER_FAILURES as error:  # the caller is leaving with an error of its own
            if not is_gone(error):
                logger.warning("%s: container %s may be left: %s", self._where, container[:12], error)

    def _ask(self, look: Callable[[], Any]) -> tuple[Any, Mapping[str, str]]:
        """Return what was asked for, and the nodes that did not answer before or after."""
        try:
            before, seen, after = self._silent_nodes(), look(), self._silent_nodes()
        except DOCKER_FAILURES as error:
            raise explain(self._where, "its nodes could not be looked at", error) from error
        return seen, {**before, **after}

    def _silent_nodes(self) -> Mapping[str, str]:
        """Return the nodes that the control plane leaves out of its lists, as its status table tells."""
        silent, node = {}, ""
        for label, value in self._client.info().get("SystemStatus") or ():
            if label.startswith(" ") and not label.lstrip().startswith("└"):
                node = label.strip()
            elif label.endswith("Status") and node and value != "Healthy":
                silent[node] = f"the control plane says {value}"
        return silent
