"""What ``runbook lab …`` does."""

from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing, contextmanager

import docker
from filelock import FileLock

from lab import (
    balancer,
    control_plane,
    control_plane_settings,
    faults,
    prefect_services,
    replicas,
    schedules,
    storage,
)
from lab.cluster_file import write_cluster_file
from lab.engine import answering_engine, ensure_engine, stop_engine
from lab.faults import Lab
from lab.identity import forget_identity, make_identity
from lab.images import Images, start_builds
from lab.loading import ensure_images_on_nodes
from lab.machines import Machines, remove_machine, start_machines
from lab.mesh import wait_for_mesh
from lab.network import find_network, make_network, topology_of
from lab.paths import CLUSTER_FILE, LOCK_FILE, PLACE, ROOT
from lab.progress import say
from lab.registration import ensure_registered, forget_registration
from lab.removal import remove_lab
from lab.state import read_state, remember
from lab.status import Status, observe
from lab.swarm import ensure_swarm
from lab.topology import FURTHER_NODES, REGISTRY_NODES, STORAGE, Topology, prefix_of
from runbook.domain.errors import InvalidConfigError, RefusedError

PREFIX = prefix_of(PLACE)
_WORKERS = 32  # more than there are images and machines: each may wait for another


def up() -> None:
    """Leave a lab that works, whatever was there; a healthy one is kept as it is."""
    with _only_one():
        _bring_up()


def nodes(count: int) -> None:
    """Leave a lab with so many registry nodes; those beyond it are taken away with all that is on them."""
    fewest, most = len(REGISTRY_NODES), len(REGISTRY_NODES) + len(FURTHER_NODES)
    if not fewest <= count <= most:
        raise InvalidConfigError("nodes", f"{count} registry nodes asked for", f"choose {fewest} to {most}")
    with _only_one():
        with open_lab() as lab, ThreadPoolExecutor(max_workers=len(FURTHER_NODES)) as pool:
            remember(further_nodes=count - fewest)
            surplus = FURTHER_NODES[count - fewest :]
            list(pool.map(lambda node: remove_machine(lab.client, lab.topology, node), surplus))
        _bring_up()


def _bring_up() -> None:
    """Leave every part of the lab as it should be."""
    with (
        ThreadPoolExecutor(max_workers=_WORKERS) as pool,
        closing(ensure_engine()) as client,
    ):
        services = pool.submit(prefect_services.ensure_services)
        images = start_builds(client, pool)
        topology, identity = _ensure_network(client)
        write_cluster_file(topology)
        registered = pool.submit(_register_at, services)
        _ensure_cluster(
            client, topology, start_machines(client, topology, identity, images, pool), images, pool
        )
        registered.result()
        say(
            f"lab {PREFIX} is up: cluster file {CLUSTER_FILE.relative_to(ROOT)}, UI {prefect_services.ui_url()}"
        )


def down() -> None:
    """Leave no container, network, volume or process of this lab; images stay."""
    with _only_one():
        prefect_services.stop_services()
        prefect_services.forget_runs()
        forget_registration()
        if (client := answering_engine()) is not None:
            with closing(client):
                remove_lab(client, PREFIX)
        forget_identity()
        stop_engine()
        say(f"lab {PREFIX} is down")


def reset() -> None:
    """Leave a running lab as it was before any registry was installed."""
    with _only_one(), open_lab() as lab:
        faults.heal_all(lab)
        replicas.destroy_replicas(lab.topology, lab.topology.nodes)
        replicas.remove_overlay(lab.topology)
        storage.forget_everything(lab.topology)
        control_plane_settings.forget_registries(lab.topology)
        balancer.restore_first_configuration(lab)
        say(f"lab {PREFIX} is reset: no registry")


def status() -> Status:
    """Return what runs and what does not."""
    try:
        with open_lab() as lab:
            return observe(lab)
    except RefusedError:
        return Status(PREFIX, None, ())


def break_fault(name: str, *what: str) -> None:
    """Make a fault happen: to these nodes, and at these ports where the fault has ports."""
    with _only_one(), open_lab() as lab:
        faults.strike(lab, name, what)


def heal_fault(name: str, *what: str) -> None:
    """End a fault."""
    with _only_one(), open_lab() as lab:
        faults.heal(lab, name, what)


@contextmanager
def open_lab() -> Iterator[Lab]:
    """Yield this checkout's lab; it must be up."""
    missing = RefusedError(f"lab {PREFIX}", "it is not up", "run: runbook lab up")
    client = answering_engine()
    if client is None:
        raise missing
    with closing(client):
        network = find_network(client, PREFIX)
        if network is None or not CLUSTER_FILE.exists():
            raise missing
        yield Lab(client, topology_of(network, PREFIX, read_state().further_nodes))


def _ensure_cluster(
    client: docker.DockerClient, topology: Topology, machines: Machines, images: Images, pool: Executor
) -> None:
    """Leave the machines one cluster with its images, its control plane and its storage."""
    buckets = pool.submit(_ensure_buckets_on, machines[STORAGE], topology)
    for node in topology.nodes:
        machines[node].result()
    ensure_swarm(topology, pool)
    mesh = pool.submit(wait_for_mesh, client, topology)
    ensure_images_on_nodes(client, topology, images, pool)
    control_plane.ensure_control_plane(topology)
    for part in (buckets, mesh, *machines.values()):
        part.result()


def _ensure_buckets_on(machine: Future[None], topology: Topology) -> None:
    """Leave both buckets, once the endpoint's machine is up."""
    machine.result()
    storage.ensure_buckets(topology)


def _register_at(services: Future[None]) -> None:
    """Leave the Prefect server knowing this lab, once it is ready, and no schedule off that nobody will resume."""
    services.result()
    schedules.resume_forgotten(prefect_services.api_url())
    ensure_registered()


def _ensure_network(client: docker.DockerClient) -> tuple[Topology, str]:
    """Leave the lab's network and identity; a network whose identity is lost gives way with all on it."""
    state = read_state()
    network = find_network(client, PREFIX)
    if network is not None and state.identity is not None:
        return topology_of(network, PREFIX, state.further_nodes), state.identity
    remove_lab(client, PREFIX)
    topology = make_network(client, PREFIX)
    say(f"lab {PREFIX}: network {topology.subnet}")
    return topology, make_identity(topology)


@contextmanager
def _only_one() -> Iterator[None]:
    """Hold the lab of this checkout against other commands."""
    LOCK_FILE.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(LOCK_FILE):
        yield
