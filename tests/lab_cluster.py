"""The lab as tests meet it."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from blocks.cluster import RegistryCluster
from blocks.connection import ClusterConnection
from blocks.settings import ClusterSettings
from lab import commands, prefect_services
from lab.paths import CLUSTER_FILE, ROOT
from runbook.remote.ssh import SshTarget
from runbook.remote.transport import Completed

_UP_WITHIN = 1200  # a first start installs the engine, makes the base image and builds all others


def bring_up() -> None:
    """Leave a lab that is up; a healthy one is kept."""
    done = subprocess.run(
        [sys.executable, "-m", "lab", "up"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=_UP_WITHIN,
    )
    assert done.returncode == 0, done.stdout


@dataclass(frozen=True)
class LabCluster:
    """A lab that is up, with the ways into it."""

    settings: ClusterSettings

    @classmethod
    def up(cls) -> "LabCluster":
        """Bring the lab up; a healthy one is kept."""
        bring_up()
        return cls(RegistryCluster.from_file(CLUSTER_FILE).settings)

    def reset(self) -> None:
        """Leave no registry, no image, no recovery point and no fault."""
        commands.reset()

    @property
    def file(self) -> Path:
        """The lab's cluster file."""
        return CLUSTER_FILE

    @property
    def control_plane_url(self) -> str:
        """URL of the control plane's stand-in."""
        return self.settings.control_plane.url

    @property
    def ca_file(self) -> Path:
        """CA of the control plane."""
        assert self.settings.control_plane.ca_file
        return Path(self.settings.control_plane.ca_file)

    @property
    def admin_password(self) -> str:
        """Password of the control plane's administrator."""
        return (
            Path(self.settings.control_plane.password.removeprefix("file:"))
            .read_text(encoding="utf-8")
            .strip()
        )

    def connect(self) -> ClusterConnection:
        """Return a run's connections; the caller closes them."""
        return ClusterConnection(self.settings)

    def ssh_target(self, name: str) -> SshTarget:
        """Return how SSH reaches a node or the load balancer."""
        machines = [*self.settings.nodes, *self.settings.load_balancer.machines]
        return next(machine for machine in machines if machine.name == name).target(self.settings.ssh)

    def manager_docker(self, args: Sequence[str], stdin: bytes = b"") -> Completed:
        """Run the docker command line on the manager."""
        connection = self.connect()
        try:
            return connection.ssh(self.settings.managers[0].name).run(
                ["docker", *args], stdin=stdin, timeout=300
            )
        finally:
            connection.close()

    def prefect_environment(self) -> dict[str, str]:
        """Environment of a client of the lab's Prefect server."""
        return prefect_services.environment()
