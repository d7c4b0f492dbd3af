"""What flows through the control plane: stdin that ends, output that goes on, logs, files."""

import hashlib
import io
import os
import socket
import struct
import subprocess
import tarfile
import threading

import pytest

from tests.contract.control_plane_client import IMAGE, PREFIX, Plane, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("nothing_is_left")]
SUM_THEN_MORE = "sha256sum; sleep 1; echo later; echo aside >&2; exit 7"


def run(plane: Plane, node: str, *more: str) -> list[str]:
    return ["run", "--rm", "-e", f"constraint:node=={node}", "--entrypoint", "sh", *more, IMAGE, "-c"]


def test_stdin_travels_to_its_end_and_output_goes_on_after_it(plane: Plane) -> None:
    data = os.urandom(20_000_000)
    for node in plane.nodes():
        ended = plane.cli(*run(plane, node, "-i", "--log-driver", "none"), SUM_THEN_MORE, data=data)
        assert ended.stdout.decode() == f"{hashlib.sha256(data).hexdigest()}  -\nlater\n"
        assert (ended.stderr, ended.returncode) == (b"aside\n", 7)


def test_output_is_binary_safe_while_stdin_stays_open(plane: Plane) -> None:
    _, worker = plane.nodes()
    ended = plane.cli(*run(plane, worker), "head -c 20000000 /dev/zero | tr '\\0' '\\377'")
    assert ended.stdout == b"\xff" * 20_000_000


def test_an_attached_socket_ends_stdin_by_closing_its_sending_side(plane: Plane) -> None:
    _, worker = plane.nodes()
    created = plane.create(
        f"{PREFIX}attach", f"node=={worker}", "sh", "-c", SUM_THEN_MORE, OpenStdin=True, StdinOnce=True
    )
    client = plane.sdk()
    raw = client.attach_socket(created.json()["Id"], {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
    client.start(created.json()["Id"])
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.extend(iter(lambda: raw.recv(65536), b"")))
    reader.start()
    data = os.urandom(5_000_000)
    raw.sendall(data)
    socket.socket.shutdown(raw, socket.SHUT_WR)  # below TLS: the client goes on reading
    reader.join(60)
    assert frames(b"".join(received)) == {
        1: f"{hashlib.sha256(data).hexdigest()}  -\nlater\n".encode(),
        2: b"aside\n",
    }
    raw._response.close()  # the SDK hangs it there; it holds the socket open
    raw.close()
    client.close()


def frames(data: bytes) -> dict[int, bytes]:
    """Put the multiplexed stream of an engine apart."""
    streams: dict[int, bytes] = {}
    while data:
        stream, length = struct.unpack(">BxxxL", data[:8])
        streams[stream] = streams.get(stream, b"") + data[8 : 8 + length]
        data = data[8 + length :]
    return streams


def test_logs_are_followed_as_they_are_written_and_wait_tells_the_status(plane: Plane) -> None:
    _, worker = plane.nodes()
    name = f"{PREFIX}logs"
    script = "echo first; until [ -e /seen ]; do sleep 0.1; done; echo last; exit 3"
    plane.create(name, f"node=={worker}", "sh", "-c", script)
    client = plane.sdk()
    client.start(name)
    lines = client.logs(name, stream=True, follow=True)
    assert next(lines) == b"first\n"
    assert plane.cli("exec", name, "touch", "/seen").returncode == 0
    assert next(lines) == b"last\n"
    assert list(lines) == []
    assert client.wait(name)["StatusCode"] == 3
    client.close()


def test_wait_lasts_as_long_as_the_container(plane: Plane) -> None:
    _, worker = plane.nodes()
    plane.create(f"{PREFIX}wait", f"node=={worker}", "sh", "-c", "sleep 2; exit 5")
    plane.http.post(f"/containers/{PREFIX}wait/start").raise_for_status()
    assert plane.http.post(f"/containers/{PREFIX}wait/wait").json()["StatusCode"] == 5


def test_a_command_runs_inside_with_its_own_stdin(plane: Plane) -> None:
    _, worker = plane.nodes()
    plane.create(f"{PREFIX}exec", f"node=={worker}", "sleep", "60")
    plane.http.post(f"/containers/{PREFIX}exec/start").raise_for_status()
    ended = plane.cli(
        "exec", "-i", f"{worker}/{PREFIX}exec", "sh", "-c", "wc -c; exit 4", data=b"x" * 100_000
    )
    assert (ended.stdout.strip(), ended.returncode) == (b"100000", 4)


def test_files_are_put_into_a_container_and_taken_out(plane: Plane) -> None:
    _, worker = plane.nodes()
    plane.create(f"{PREFIX}files", f"node=={worker}", "true")
    content = os.urandom(3_000_000)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo("blob")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    client = plane.sdk()
    assert client.put_archive(f"{worker}/{PREFIX}files", "/tmp", archive.getvalue())
    chunks, _ = client.get_archive(f"{worker}/{PREFIX}files", "/tmp/blob")
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
        taken = tar.extractfile("blob")
        assert taken is not None
        assert taken.read() == content
    client.close()


def test_containers_of_two_nodes_meet_on_an_overlay_network(plane: Plane) -> None:
    manager, worker = plane.nodes()
    network = f"{PREFIX}net"
    body = {"Name": network, "Driver": "overlay", "Attachable": True}
    plane.http.post("/networks/create", json=body).raise_for_status()
    try:
        for node in (manager, worker):
            plane.create(f"{PREFIX}{node}", f"node=={node}", "sleep", "60")
            plane.http.post(f"/containers/{PREFIX}{node}/start").raise_for_status()
            joined = plane.http.post(
                f"/networks/{network}/connect", json={"Container": f"{node}/{PREFIX}{node}"}
            )
            assert joined.status_code == 200, joined.text
        ended = plane.cli("exec", f"{PREFIX}{worker}", "getent", "hosts", f"{PREFIX}{manager}")
        assert ended.returncode == 0, ended.stderr
    finally:
        for node in (manager, worker):
            plane.http.delete(f"/containers/{node}/{PREFIX}{node}", params={"force": "1"})
        wait_until(lambda: plane.http.delete(f"/networks/{network}").status_code == 204, seconds=30)


def test_a_client_that_is_killed_leaves_no_reader_behind(plane: Plane) -> None:
    _, worker = plane.nodes()
    plane.create(
        f"{PREFIX}killed", f"node=={worker}", "sh", "-c", "cat; echo ended", OpenStdin=True, StdinOnce=True
    )
    attached = subprocess.Popen(
        ["docker", "start", "-ai", f"{PREFIX}killed"],
        env=plane.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with attached:
        assert attached.stdin is not None
        assert attached.stdout is not None
        attached.stdin.write(b"hello\n")
        attached.stdin.flush()
        assert attached.stdout.readline() == b"hello\n"
        attached.kill()
    assert plane.http.post(f"/containers/{PREFIX}killed/wait").json()["StatusCode"] == 0
