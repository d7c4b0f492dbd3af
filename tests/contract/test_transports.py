"""What runbook.remote.transport promises, held against both transports and the fake."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
from pydantic import SecretStr

from runbook.domain.errors import RefusedError
from runbook.domain.versions import Version
from runbook.remote.bootstrapper import Bootstrapper
from runbook.remote.control_plane_api import ControlPlane, ControlPlaneAccess
from runbook.remote.docker_transport import DockerTransport
from runbook.remote.ssh import SshPool
from runbook.remote.ssh_transport import SshTransport
from runbook.remote.transport import ContainerRun, Transport
from tests.fakes.local_transport import LocalTransport
from tests.lab_cluster import LabCluster

IMAGE = "lab/contract-shell:1"
PREFIX = "runbook-contract-"
SECRET = " s3cret 'with' \"signs\" \\ $HOME "
KEY = f"-----BEGIN KEY-----\n{'A+/=' * 400}\n\n-----END KEY-----\n"  # of several lines, as a TLS key is
MEGABYTE = 1 << 20
real = pytest.mark.integration


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
    control_plane = ControlPlane(
        lab.control_plane_url, "admin", SecretStr(lab.admin_password), lab.ca_file.read_text()
    )
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
        feeder = threading.Thread(target=_feed, args=(command, 20))
        feeder.start()
        output = command.stdout.read()
        feeder.join()
        assert command.wait() == 0
    assert output.count(b"\0") == 5_000_000
    assert output.replace(b"\0", b"").strip() == b"%d" % (20 * MEGABYTE)


def _feed(command: object, megabytes: int) -> None:
    for _ in range(megabytes):
        command.write(bytes(MEGABYTE))  # type: ignore[attr-defined]
    command.close_stdin()  # type: ignore[attr-defined]


def test_much_output_arrives_whole(transport: Transport) -> None:
    program = (
        "i=0; while [ $i -lt 60 ]; do head -c 1000003 /dev/zero | tr '\\0' $((i % 10)); i=$((i+1)); done"
    )
    wanted = hashlib.sha256(b"".join(b"%d" % (i % 10) * 1000003 for i in range(60))).hexdigest()
    seen = hashlib.sha256()
    with transport.start(shell(program, interactive=False), print) as command:
        while data := command.stdout.read(MEGABYTE):
            seen.update(data)
        assert command.wait() == 0
    assert seen.hexdigest() == wanted


def test_lines_on_standard_error_come_at_once(transport: Transport) -> None:
    said = threading.Event()
    with transport.start(shell("echo first >&2; cat"), lambda _: said.set()) as command:
        assert said.wait(20)
        command.close_stdin()
        assert command.wait() == 0


def test_a_command_that_reads_no_more_is_still_judged(transport: Transport) -> None:
    with transport.start(shell("exit 4"), print) as command:
        with suppress(BrokenPipeError):
            _feed(command, 30)
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
@pytest.mark.parametrize("kind", ["ssh", "docker"])
def test_both_see_the_same_containers_and_volumes(lab_with_shell: LabCluster, kind: str) -> None:
    lab, manager = lab_with_shell, lab_with_shell.settings.managers[0].name
    name = f"{PREFIX}{kind}"
    lab.manager_docker(
        ["create", "--name", name, "--label", "a=1,b=2", "--label", "c", "-v", f"{name}:/x", IMAGE, "true"]
    )
    try:
        with ControlPlane(
            lab.control_plane_url, "admin", SecretStr(lab.admin_password), lab.ca_file.read_text()
        ) as plane:
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
def test_a_node_that_does_not_answer_is_named_beside_what_was_seen(lab_with_shell: LabCluster) -> None:
    manager = lab_with_shell.ssh_target(lab_with_shell.settings.managers[0].name)
    silent = type(manager)("dtr9", "127.0.0.1", 9, "root", manager.host_key, manager.private_key, 2)
    transport = SshTransport(SshPool(), [manager], [manager, silent])
    seen = transport.volumes("")
    transport.close()
    assert set(seen.unreachable) == {"dtr9"}
    assert "Connection refused" in seen.unreachable["dtr9"]


@real
def test_a_container_runs_on_the_next_manager_where_the_first_does_not_answer(
    lab_with_shell: LabCluster,
) -> None:
    manager = lab_with_shell.ssh_target(lab_with_shell.settings.managers[0].name)
    silent = type(manager)("ucp0", "127.0.0.1", 9, "root", manager.host_key, manager.private_key, 2)
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
    with ControlPlane(
        lab_cluster.control_plane_url,
        "admin",
        SecretStr(lab_cluster.admin_password),
        lab_cluster.ca_file.read_text(),
    ) as plane:
        transport = DockerTransport(plane)
        assert len(list(folder.iterdir())) == 1
        transport.close()
    assert list(folder.iterdir()) == []
