import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path as Folder
from typing import cast

import pytest

from runbook.domain.errors import UnreachableError
from runbook.domain.port_matrix import FILTERED, Path, Tried
from runbook.remote.port_probe import try_paths
from runbook.remote.ssh import SshConnection
from tests.fakes.local_connection import LocalConnection

HERE = "127.0.0.1"


@pytest.fixture
def node(tmp_path: Folder) -> LocalConnection:
    return LocalConnection(tmp_path)


def path(port: int, address: str = HERE, purpose: str = "gossip") -> Path:
    return Path("dtr1", "dtr2", address, port, purpose)


def attempt(node: LocalConnection, *paths: Path) -> list[str | None]:
    return [each.why_not for each in try_paths(cast("SshConnection", node), paths)]


@contextmanager
def silent_port() -> Iterator[int]:
    """Yield a port whose queue is full: the kernel answers nothing to who calls it, as a firewall that drops."""
    with ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind((HERE, 0))
        listener.listen(0)
        for _ in range(4):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def closed_port() -> int:
    with socket.create_server((HERE, 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def test_a_port_that_takes_calls_and_one_that_refuses_them_are_open_paths(node: LocalConnection) -> None:
    with socket.create_server((HERE, 0)) as listener:
        assert attempt(node, path(listener.getsockname()[1]), path(closed_port())) == [None, None]
    assert node.count == 1


def test_silence_is_a_filter_and_is_asked_for_twice(node: LocalConnection) -> None:
    with silent_port() as port:
        assert attempt(node, path(port), path(closed_port())) == [FILTERED, None]
    assert node.count == 2


def test_each_path_is_told_though_two_end_at_one_port(node: LocalConnection) -> None:
    two = [path(closed_port()), path(closed_port(), purpose="registry")]
    assert try_paths(cast("SshConnection", node), two) == tuple(Tried(each) for each in two)


def test_another_answer_is_told_in_the_machines_own_words(node: LocalConnection) -> None:
    assert attempt(node, path(7946, "no-such-host.invalid"))[0] not in (None, FILTERED)


def test_a_node_without_bash_says_so(node: LocalConnection) -> None:
    node.program("bash", "echo 'bash: not found' >&2; exit 127")
    with pytest.raises(UnreachableError, match="dtr1: ports cannot be tried from it: bash: not found"):
        attempt(node, path(7946))
