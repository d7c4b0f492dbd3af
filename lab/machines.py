"""The containers that play the lab's machines."""

from concurrent.futures import Executor, Future
from pathlib import Path

import docker
from docker.errors import NotFound
from docker.models.containers import Container

from lab.files import tar_of
from lab.images import Image, Images
from lab.paths import PKI, SECRETS, SSH
from lab.progress import say
from lab.ssh_keys import USER_KEY
from lab.topology import LABEL, LABEL_CONTENT, LABEL_MACHINE, MANAGER, Machine, Topology

Machines = dict[Machine, Future[None]]
_STOP_SECONDS = 10
LABEL_IDENTITY = "runbook.lab.identity"

# In the kernel's order. `--privileged` fails where the host itself lacks one of them, so each that the
# host has is asked for by name; those above 37 are unknown to older engines and needed by none of ours.
_CAPABILITIES = """
CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT
SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE
AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ
"""


def start_machines(
    client: docker.DockerClient, topology: Topology, identity: str, images: Images, pool: Executor
) -> Machines:
    """Begin to bring every machine up, each as soon as its image is built; return when each is up."""

    def ensure(machine: Machine) -> None:
        image = images[f"lab/{machine.image}:1"].result()
        _ensure_machine(client, topology, identity, machine, image)

    return {machine: pool.submit(ensure, machine) for machine in topology.machines}


def find_machine(client: docker.DockerClient, topology: Topology, machine: Machine) -> Container | None:
    """Return the machine's container if it exists."""
    try:
        return client.containers.get(topology.container(machine))
    except NotFound:
        return None


def remove_machine(client: docker.DockerClient, topology: Topology, machine: Machine) -> None:
    """Leave neither the machine nor its volume; it says goodbye first, so that it can come back."""
    if (container := find_machine(client, topology, machine)) is None:
        return
    wake(container)
    container.stop(timeout=_STOP_SECONDS)
    container.remove(force=True, v=True)
    client.volumes.get(topology.container(machine)).remove()
    say(f"{machine.name}: taken away")


def wake(container: Container) -> bool:
    """Leave the container running; return whether it was not."""
    if container.status == "running":
        return False
    if container.status == "paused":
        container.unpause()
    else:
        container.start()
    return True


def host_capabilities(status: str) -> list[str]:
    """Return the capabilities in the bounding set, from the text of /proc/self/status."""
    line = next(line for line in status.splitlines() if line.startswith("CapBnd:"))
    bounding = int(line.split()[1], 16)
    return [name for bit, name in enumerate(_CAPABILITIES.split()) if bounding >> bit & 1]


def _ensure_machine(
    client: docker.DockerClient, topology: Topology, identity: str, machine: Machine, image: Image
) -> None:
    """Keep, start or make one machine; one of another lab or another image gives way."""
    wanted = {LABEL_IDENTITY: identity, LABEL_CONTENT: image.content}
    container = find_machine(client, topology, machine)
    if container is not None and any(container.labels.get(key) != value for key, value in wanted.items()):
        say(f"{machine.name}: replaced, its image changed")
        container.stop(timeout=_STOP_SECONDS)  # a node that says goodbye can come back under its address
        container.remove(force=True)
        container = None
    if container is None:
        labels = {LABEL: topology.prefix, LABEL_MACHINE: machine.name, **wanted}
        _create(client, topology, machine, image, labels)
        container = client.containers.get(topology.container(machine))
    if wake(container):
        say(f"{machine.name}: started ({topology.address(machine)})")


def _create(
    client: docker.DockerClient, topology: Topology, machine: Machine, image: Image, labels: dict[str, str]
) -> None:
    """Make the machine's container and put its keys into it; it does not run yet."""
    endpoint = client.api.create_endpoint_config(ipv4_address=topology.address(machine))
    created = client.api.create_container(
        image.tag,
        name=topology.container(machine),
        hostname=machine.name,
        labels=labels,
        host_config=_host_config(client, topology, machine),
        networking_config={"EndpointsConfig": {topology.prefix: endpoint}},
        stop_signal="SIGTERM",
    )
    if files := _files_of(machine):
        client.api.put_archive(created["Id"], "/", tar_of(files))


def _host_config(client: docker.DockerClient, topology: Topology, machine: Machine) -> dict[str, object]:
    """Return what an engine inside a container needs; the other machines need nothing."""
    network, dns = topology.prefix, ["127.0.0.1"]  # no question leaves the lab
    if not machine.has_engine:
        return client.api.create_host_config(network_mode=network, dns=dns)
    volume = topology.container(machine)
    client.volumes.create(volume, labels={LABEL: topology.prefix})
    config: dict[str, object] = client.api.create_host_config(
        network_mode=network,
        dns=dns,
        cap_add=host_capabilities(Path("/proc/self/status").read_text()),
        security_opt=["seccomp=unconfined", "apparmor=unconfined"],
        cgroupns="host",
        binds=["/sys/fs/cgroup:/sys/fs/cgroup:rw", f"{volume}:/var/lib/docker"],
    )
    # What the docker command makes of `--security-opt systempaths=unconfined`.
    config |= {"MaskedPaths": [], "ReadonlyPaths": []}
    return config


def _files_of(machine: Machine) -> dict[str, bytes]:
    """Return the keys and certificates of a machine, by path."""
    if not machine.has_ssh:
        return {}
    host_key = SSH / f"host-{machine.name}"
    files = {
        "etc/ssh/ssh_host_ed25519_key": host_key.read_bytes(),
        "etc/ssh/ssh_host_ed25519_key.pub": host_key.with_suffix(".pub").read_bytes(),
        "root/.ssh/authorized_keys": (SSH / f"{USER_KEY}.pub").read_bytes(),
    }
    if machine.has_engine:
        files["etc/lab/engine/ca.pem"] = (PKI / "ca.pem").read_bytes()
        for part in ("cert", "key"):
            files[f"etc/lab/engine/{part}.pem"] = (PKI / f"engine-{machine.name}-{part}.pem").read_bytes()
    if machine is MANAGER:
        for name in ("ca", "client-ca", "client-ca-key", "engine-client-cert", "engine-client-key"):
            files[f"etc/lab/pki/{name}.pem"] = (PKI / f"{name}.pem").read_bytes()
        for name in ("ucp-cert", "ucp-key"):
            files[f"etc/lab/pki/{name}.pem"] = (PKI / f"{name}.pem").read_bytes()
        files["etc/lab/pki/admin-password"] = (SECRETS / "control-plane-password").read_bytes()
    return files
