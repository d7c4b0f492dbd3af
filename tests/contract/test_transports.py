"""What runbook.remote.transport promises, held against both transports and the fake."""

import hashlib
import json
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest
from docker.errors import APIError
from pydantic import SecretStr

from runbook.domain.errors import RefusedError
from runbook.domain.versions import Version
from runbook.remote.bootstrapper import Bootstrapper
from runbook.remote.client_bundle import ClientBundle, withdraw
from runbook.remote.control_plane_api import ControlPlane, ControlPlaneAccess
from runbook.remote.docker_transport import DockerTransport
from runbook.remote.ssh import SshPool
from runbook.remote.ssh_transport import SshTransport
from runbook.remote.transport import ContainerRun, Transport
from tests.fakes.local_transport import LocalTransport
from tests.lab_cluster import LabCluster
from tests.process_watch import ProcessWatch

IMAGE = "lab/contract-shell:1"
PREFIX = "runbook-contract-"
SECRET = " s3cret 'with' \"signs\" \\ $HOME "
KEY = f"-----BEGIN KEY-----\n{'A+/=' * 400}\n\n-----END KEY-----\n"  # of several lines, as a TLS key is
MEGABYTE = 1 << 20
real = pytest.mark.integration
on_engines = pytest.mark.parametrize("transport", ["ssh", "docker"], indirect=True)


@pytest.fixture(scope="module")
def lab_with_shell(lab_cluster: LabCluster) -> Iterator[LabCluster]:
    """The lab, with an image on its manager that runs any command."""
    listed = lab_cluster.manager_docker(
        ["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"]
    ).stdout.decode()
    base = next(name for name in sorted(listed.split()) if name.startswith("lab/") and name != IMAGE)
    built = lab_cluster.manager_docker(["build", "-t", IMAGE, "-"], f"FROM {base}\nENTRYPOINT []\n".encode())
    assert built.status == 0, built.stderr
    yield lab_cluster
    lab_cluster.manager_docker(["rmi", IMAGE])


@pytest.fixture(
    scope="module", params=["local", pytest.param("ssh", marks=real), pytest.param("docker", marks=real)]
)
def transport(request: pytest.FixtureRequest) -> Iterator[Transport]:
    if request.param == "local":
        yield LocalTransport(IMAGE)
        return
    lab: LabCluster = request.getfixturevalue("lab_with_shell")
    manager = lab.settings.managers[0].name
    control_plane = _control_plane(lab)
    if request.param == "docker":
        transport: Transport = DockerTransport(control_plane, manager)
    else:
        transport = SshTransport(SshPool(), [lab.ssh_target(manager)], [lab.ssh_target(manager)])
    yield transport
    transport.close()
    control_plane.close()


def shell(program: str, *, interactive: bool = True, secret: bool = True) -> ContainerRun:
    secret_env = {"UCP_PASSWORD": SecretStr(SECRET), "KEY": SecretStr(KEY)} if secret else {}
    return ContainerRun(
        IMAGE, ("sh", "-c", program), {"TOLD": "a b"}, secret_env=secret_env, interactive=interactive
    )


def test_streams_are_binary_and_apart(transport: Transport) -> None:
    lines: list[str] = []
    with transport.start(shell("cat; echo words >&2; exit 3"), lines.append) as command:
        command.write(bytes(range(256)) * 100)
        command.close_stdin()
        assert command.stdout.read() == bytes(range(256)) * 100
        assert command.wait() == 3
    assert lines == ["words"]


def test_secrets_arrive_whole_and_leave_the_input_whole(transport: Transport) -> None:
    content = b"\n\0first line\r\n" + bytes(range(256)) + b"\n"
    with transport.start(shell('printf "%s|%s|%s|" "$UCP_PASSWORD" "$KEY" "$TOLD"; cat'), print) as command:
        command.write(content)
        command.close_stdin()
        assert command.stdout.read() == f"{SECRET}|{KEY}|a b|".encode() + content
        assert command.wait() == 0


@pytest.mark.parametrize("secret", [True, False])
def test_a_run_without_input_ends_by_itself(transport: Transport, secret: bool) -> None:
    with transport.start(shell("cat; echo done", interactive=False, secret=secret), print) as command:
        assert command.stdout.read() == b"done\n"
        assert command.wait() == 0


def test_the_input_ends_while_output_flows(transport: Transport) -> None:
    program = "head -c 5000000 /dev/zero & cat | wc -c; wait"
    with transport.start(shell(program), print) as command:
        feeder = threading.Thread(target=_feed, args=(command, [bytes(MEGABYTE)] * 20))
        feeder.start()
        output = command.stdout.read()
        feeder.join()
        assert command.wait() == 0
    assert output.count(b"\0") == 5_000_000
    assert output.replace(b"\0", b"").strip() == b"%d" % (20 * MEGABYTE)


def _feed(command: object, pieces: list[bytes]) -> None:
    for piece in pieces:
        command.write(piece)  # type: ignore[attr-defined]
    command.close_stdin()  # type: ignore[attr-defined]


def test_a_hundred_megabytes_go_both_ways_in_bounded_memory(transport: Transport) -> None:
    pieces = [number.to_bytes(4) * (MEGABYTE // 4) for number in range(100)]
    wanted, seen = hashlib.sha256(b"".join(pieces)).hexdigest(), hashlib.sha256()
    with transport.start(shell("exec cat"), print) as command:
        tracemalloc.start()
        feeder = threading.Thread(target=_feed, args=(command, pieces))
        feeder.start()
        while data := command.stdout.read(MEGABYTE):
            seen.update(data)
        feeder.join()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert command.wait() == 0
    assert seen.hexdigest() == wanted
    assert peak < 24 * MEGABYTE


def test_there_is_no_terminal(transport: Transport) -> None:
    with transport.start(shell("test -t 0 || test -t 1 || test -t 2 || echo none"), print) as command:
        command.close_stdin()
        assert command.stdout.read() == b"none\n"
        assert command.wait() == 0


def test_the_secret_is_in_no_argument_and_in_no_environment_but_as_the_vendor_wants_it(
    transport: Transport,
) -> None:
    with (
        ProcessWatch({"secret": SECRET.strip()}) as watch,
        transport.start(shell("echo up; cat; sleep 0.5"), print) as command,
    ):
        assert command.stdout.readline() == b"up\n"
        command.close_stdin()
        assert command.wait() == 0
    assert watch.exposed == set()
    assert watch.held == {("secret", "UCP_PASSWORD")}


def test_lines_on_standard_error_come_at_once(transport: Transport) -> None:
    said = threading.Event()
    with transport.start(shell("echo first >&2; cat"), lambda _: said.set()) as command:
        assert said.wait(20)
        command.close_stdin()
        assert command.wait() == 0


def test_a_command_that_reads_no_more_is_still_judged(transport: Transport) -> None:
    with transport.start(shell("exit 4"), print) as command:
        with suppress(BrokenPipeError):
            _feed(command, [bytes(MEGABYTE)] * 30)
        assert command.wait() == 4


def test_nothing_runs_on_when_a_command_is_left_early(transport: Transport) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        transport.start(shell("trap 'exit 0' TERM; echo up; read line"), print) as command,
    ):
        assert command.stdout.readline() == b"up\n"
        raise ZeroDivisionError
    assert transport.containers("runbook-").seen == ()


def test_an_image_that_is_not_there_is_refused_with_advice(transport: Transport) -> None:
    access = ControlPlaneAccess("https://nowhere", "admin", SecretStr("x"), None)
    bootstrapper = Bootstrapper(transport, "lab/contract-nothing:1", Version(2, 9, 29), access)
    with pytest.raises(RefusedError):
        bootstrapper.images()


@real
@on_engines
def test_a_container_shows_its_secret_to_its_engine_alone_and_only_while_it_runs(
    transport: Transport, lab_with_shell: LabCluster
) -> None:
    def inspected() -> list[dict[str, object]]:
        listed = lab_with_shell.manager_docker(["ps", "-aq", "--filter", "name=runbook-"]).stdout.split()
        shown = lab_with_shell.manager_docker(["inspect", *(name.decode() for name in listed)]).stdout
        return list(json.loads(shown or b"[]"))

    run = replace(shell("echo up; cat"), secret_env={"UCP_PASSWORD": SecretStr("plain-s3cret")})
    with transport.start(run, print) as command:
        assert command.stdout.readline() == b"up\n"
        (container,) = inspected()
        command.close_stdin()
        assert command.wait() == 0
    config = container["Config"]
    assert isinstance(config, dict)
    assert "UCP_PASSWORD=plain-s3cret" in config["Env"]
    assert "plain-s3cret" not in json.dumps({**container, "Config": {**config, "Env": []}})
    assert inspected() == []


@real
@on_engines
def test_a_container_that_has_the_name_already_is_left_alone(
    transport: Transport, lab_with_shell: LabCluster
) -> None:
    name = f"{PREFIX}taken"
    lab_with_shell.manager_docker(["create", "--name", name, "--label", "older=yes", IMAGE, "true"])
    try:
        run = replace(shell("echo mine"), name=name)
        with suppress(RefusedError), transport.start(run, print) as command:
            command.close_stdin()
            assert command.stdout.read() == b""
            assert command.wait() != 0
        (container,) = transport.containers(name).seen
        assert container.labels["older"] == "yes"
    finally:
        lab_with_shell.manager_docker(["rm", "-f", name])


@real
@pytest.mark.parametrize("kind", ["ssh", "docker"])
def test_both_see_the_same_containers_and_volumes(lab_with_shell: LabCluster, kind: str) -> None:
    lab, manager = lab_with_shell, lab_with_shell.settings.managers[0].name
    name = f"{PREFIX}{kind}"
    lab.manager_docker(
        ["create", "--name", name, "--label", "a=1,b=2", "--label", "c", "-v", f"{name}:/x", IMAGE, "true"]
    )
    try:
        with _control_plane(lab) as plane:
            transport: Transport = (
                DockerTransport(plane)
                if kind == "docker"
                else SshTransport(SshPool(), [lab.ssh_target(manager)], [lab.ssh_target(manager)])
            )
            (container,) = transport.containers(name).seen
            (volume,) = transport.volumes(name).seen
            transport.close()
    finally:
        lab.manager_docker(["rm", "-f", "-v", name])
        lab.manager_docker(["volume", "rm", name])
    assert (container.node, container.name, container.state, container.image) == (
        manager,
        name,
        "created",
        IMAGE,
    )
    assert container.labels.items() >= {"a": "1,b=2", "c": ""}.items()
    assert container.created is not None
    assert (volume.node, volume.name) == (manager, name)


@real
@pytest.mark.parametrize("kind", ["ssh", "docker"])
def test_a_node_that_does_not_answer_is_named_beside_what_was_seen(
    lab_with_shell: LabCluster, kind: str
) -> None:
    lab, silent = lab_with_shell, lab_with_shell.settings.registry_nodes[-1].name
    manager = lab.ssh_target(lab.settings.managers[0].name)
    dead = replace(lab.ssh_target(silent), port=9, connect_timeout=2)
    with _control_plane(lab) as plane, _engine_cut_off(lab, silent):
        transport: Transport = (
            DockerTransport(plane)
            if kind == "docker"
            else SshTransport(SshPool(), [manager], [manager, dead])
        )
        volumes, containers = transport.volumes(""), transport.containers("")
        transport.close()
    for observed in (volumes, containers):
        assert set(observed.unreachable) == {silent}
        assert observed.unreachable[silent]
    assert manager.name in {container.node for container in containers.seen}


@contextmanager
def _engine_cut_off(lab: LabCluster, node: str) -> Iterator[None]:
    """Let nobody reach the node's engine for the block."""
    rule = ("INPUT", "-p", "tcp", "--dport", "12376", "-j", "REJECT")
    with SshPool() as pool:
        ssh = pool.get(lab.ssh_target(node))
        assert ssh.run(("iptables", "-I", *rule)).status == 0
        try:
            yield
        finally:
            ssh.run(("iptables", "-D", *rule))


def _control_plane(lab: LabCluster) -> ControlPlane:
    return ControlPlane(
        lab.control_plane_url, "admin", SecretStr(lab.admin_password), lab.ca_file.read_text()
    )


@real
def test_a_container_runs_on_the_next_manager_where_the_first_does_not_answer(
    lab_with_shell: LabCluster,
) -> None:
    manager = lab_with_shell.ssh_target(lab_with_shell.settings.managers[0].name)
    silent = replace(manager, name="ucp0", address="127.0.0.1", port=9, connect_timeout=2)
    transport = SshTransport(SshPool(), [silent, manager], [manager])
    with transport.start(ContainerRun(IMAGE, ("echo", "here")), print) as container:
        container.close_stdin()
        assert container.stdout.read() == b"here\n"
        assert container.wait() == 0
    transport.close()


@real
def test_the_client_bundle_does_not_outlive_the_transport(
    lab_cluster: LabCluster, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("bundle")
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    with _control_plane(lab_cluster) as plane:
        before = set(plane.public_keys())
        transport = DockerTransport(plane)
        assert len(list(folder.iterdir())) == 1
        assert len(set(plane.public_keys()) - before) == 1
        transport.close()
        assert set(plane.public_keys()) == before
    assert list(folder.iterdir()) == []


@real
def test_a_bundle_whose_key_was_taken_from_the_account_opens_nothing(lab_cluster: LabCluster) -> None:
    with _control_plane(lab_cluster) as plane:
        content = plane.client_bundle()
        bundle = ClientBundle(plane.where, content)
        client = bundle.make_client(plane.access.url, 30)
        withdraw(plane, bundle)
        with pytest.raises(APIError, match="401"):
            client.info()
        client.close()
        bundle.close()
