"""What the lab's own tests need to look into it."""

from collections.abc import Iterator
from contextlib import contextmanager

import paramiko

from lab.faults import Lab
from lab.node_engines import node_engine
from lab.paths import SSH
from lab.topology import Machine

REPLICA = "0123456789ab"


@contextmanager
def ssh_to(lab: Lab, machine: Machine, user: str = "root") -> Iterator[paramiko.SSHClient]:
    """Yield a connection as an operator makes it: pinned host key, no other key accepted."""
    with paramiko.SSHClient() as client:
        client.load_host_keys(str(SSH / "known_hosts"))
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        client.connect(
            lab.topology.address(machine),
            username=user,
            key_filename=str(SSH / "id_ed25519"),
            allow_agent=False,
            look_for_keys=False,
            timeout=5,
        )
        yield client


def output_of(client: paramiko.SSHClient, command: str) -> str:
    """Return what the command printed; it must end with 0."""
    _, stdout, stderr = client.exec_command(command, timeout=30)
    text = stdout.read().decode()
    assert stdout.channel.recv_exit_status() == 0, stderr.read().decode()
    return text


def leave_a_replica(lab: Lab, node: Machine) -> None:
    """Leave a container and a volume on the node that are named like a replica's."""
    with node_engine(lab.topology, node) as engine:
        engine.volumes.create(f"dtr-ca-{REPLICA}")
        engine.containers.run(
            "lab/dtr:2.9.29",
            ["-c", "import signal; signal.pause()"],
            entrypoint="python3",
            name=f"dtr-rethinkdb-{REPLICA}",
            volumes={f"dtr-ca-{REPLICA}": {"bind": "/ca", "mode": "rw"}},
            restart_policy={"Name": "always"},
            detach=True,
        )


def registry_names(lab: Lab, node: Machine) -> list[str]:
    """Return the names of all containers and volumes of the registry on the node."""
    with node_engine(lab.topology, node) as engine:
        names = [str(item.name) for item in engine.containers.list(all=True)]
        names += [str(item.id) for item in engine.volumes.list()]
    return sorted(name for name in names if name.startswith("dtr-"))
