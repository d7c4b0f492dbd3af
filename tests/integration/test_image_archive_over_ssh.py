"""An archive streamed over OpenSSH into what stands for the engine's `docker load`: it hashes what it reads."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runbook.domain.errors import RefusedError
from runbook.remote.image_distribution import load_archive
from runbook.remote.ssh import SshConnection
from runbook.remote.ssh_command import SshCommand
from tests.integration.real_sshd import real_sshd

_LOADS = '#!/bin/sh\nsha256sum | cut -c1-64 >"$0.$$"\n'
_FULL = "#!/bin/sh\nhead -c 100000 >/dev/null\necho 'write /layer: no space left on device' >&2\nexit 1\n"


class WithDocker:
    """A node whose `docker` is a program of the test."""

    def __init__(self, connection: SshConnection, folder: Path) -> None:
        self._connection, self._folder = connection, folder

    def start(self, argv: Sequence[str], *, on_stderr: Callable[[str], None]) -> SshCommand:
        return self._connection.start((f"{self._folder}/{argv[0]}", *argv[1:]), on_stderr=on_stderr)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[WithDocker]:
    (tmp_path / "sshd").mkdir()
    with real_sshd(tmp_path / "sshd") as target, SshConnection(target) as connection:
        yield WithDocker(connection, tmp_path)


def docker(folder: Path, program: str) -> None:
    (folder / "docker").write_text(program)
    (folder / "docker").chmod(0o755)


def test_every_byte_arrives_at_every_node_at_once(node: WithDocker, tmp_path: Path) -> None:
    docker(tmp_path, _LOADS)
    archive = tmp_path / "images.tar"
    archive.write_bytes(bytes(range(256)) * (5 << 12) + b"the end")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: load_archive(f"dtr{n}", node, archive), range(4)))
    hashes = [path.read_text().strip() for path in tmp_path.glob("docker.*")]
    assert hashes == [hashlib.sha256(archive.read_bytes()).hexdigest()] * 4


def test_an_engine_that_ends_early_is_refused_with_its_own_words(node: WithDocker, tmp_path: Path) -> None:
    docker(tmp_path, _FULL)
    archive = tmp_path / "images.tar"
    archive.write_bytes(bytes(20 << 20))
    with pytest.raises(RefusedError) as refused:
        load_archive("dtr1", node, archive)
    assert refused.value.what == "`docker load` of images.tar failed: write /layer: no space left on device"
