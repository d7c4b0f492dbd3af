"""The backup that the control plane's stand-in writes."""

import io
import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from controlplane import backup
from controlplane.accounts import Accounts, password_matches
from controlplane.engine_socket import Engine
from controlplane.store import Store

from runbook.domain.control_plane_backup import failure, why_not_whole
from runbook.domain.errors import UnreachableError
from runbook.remote.control_plane_backup import stream_control_plane
from runbook.remote.encryption import generate_identity

PEMS = (
    "ca.pem", "ucp-cert.pem", "ucp-key.pem", "client-ca.pem", "client-ca-key.pem", "engine-client-cert.pem",
    "engine-client-key.pem",
)  # fmt: skip
CONTROLLER = {"Id": "c0", "Names": ["/ucp-controller"], "Command": "python3 -m controlplane"}
Run = Callable[..., tuple[int, bytes, str]]


class FakeEngine:
    """One node's engine; `running` are its containers, `state` and `pki` what the controller holds."""

    def __init__(self, folder: Path) -> None:
        accounts = Accounts(Store(folder))
        accounts.create("ann", "secret-1", is_org=False)
        accounts.create("org", None, is_org=True)
        accounts.create_team("org", "dev", "")
        self.running: list[dict[str, Any]] = [CONTROLLER]
        self.folders = {
            "/state": {"state.json": (folder / "state.json").read_bytes(), "ucp-config.toml": b"[x]\n"},
            "/pki": {name: name.encode() for name in PEMS},
        }

    def containers(self) -> list[dict[str, Any]]:
        return self.running

    def created(self, container: str) -> str:
        return next(str(each["Created"]) for each in self.running if each["Id"] == container)

    def files(self, _container: str, folder: str) -> dict[str, bytes]:
        return self.folders[folder]


@pytest.fixture
def engine(tmp_path: Path) -> FakeEngine:
    return FakeEngine(tmp_path)


@pytest.fixture
def run(engine: FakeEngine, capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    def run(*arguments: str) -> tuple[int, bytes, str]:
        status = backup.main(arguments, engine)  # type: ignore[arg-type]
        sys.stdout.flush()
        seen = capfdbinary.readouterr()
        return status, seen.out, seen.err.decode()

    return run


def backup_in(identifier: str, created: str) -> dict[str, Any]:
    command = "python3 -m controlplane backup --no-passphrase"
    return {"Id": identifier, "Names": ["/x"], "Command": command, "Created": created}


def test_a_backup_is_a_whole_archive_on_stdout_and_progress_on_stderr(run: Run) -> None:
    status, out, err = run("--no-passphrase")
    seen = stream_control_plane(io.BytesIO(out), io.BytesIO(), [generate_identity()[1]], "lab/ucp")
    assert (status, why_not_whole(seen)) == (0, None)
    assert seen.key_size == len("ucp-key.pem")
    assert all(line.startswith('time="') for line in err.splitlines())
    assert "lab stand-in" in err.splitlines()[0]


def test_the_accounts_in_it_bring_users_and_teams_back(run: Run, tmp_path: Path) -> None:
    _, out, _ = run("--no-passphrase")
    with tarfile.open(fileobj=io.BytesIO(out)) as tar:
        (name,) = (name for name in tar.getnames() if name.endswith("/auth-store.tar.gz"))
        inner = tar.extractfile(name)
        assert inner
        with tarfile.open(fileobj=inner) as store:
            tables = {Path(n).stem: json.load(store.extractfile(n)) for n in store.getnames()}  # type: ignore[arg-type]
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "state.json").write_text(json.dumps({**tables, **tables["cluster"]}))
    again = Accounts(Store(tmp_path / "again"))
    assert again.names() == ["ann", "org"]
    assert password_matches("secret-1", again.password_hash("ann"))
    assert again.team("org", "dev")["name"] == "dev"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give either --passphrase or --no-passphrase"),
        (("--no-passphrase", "--passphrase", "x" * 12), "give either --passphrase or --no-passphrase"),
        (("--passphrase", "x" * 11), "12 characters or more"),
        (("--no-such-flag",), "unrecognized arguments"),
        (("--no-passphrase", "--include-logs=perhaps"), "neither true nor false"),
    ],
)
def test_a_command_line_that_cannot_be_is_refused(run: Run, arguments: tuple[str, ...], words: str) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (1, b"")
    assert "level=fatal" in err
    assert words in err


@pytest.mark.parametrize(("created", "status"), [("5.49", 1), ("5.501", 0)])
def test_of_two_backups_at_once_the_second_fails(
    run: Run, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, created: str, status: int
) -> None:
    monkeypatch.setenv("HOSTNAME", "a0")
    engine.running = [CONTROLLER, backup_in("a0ff", "5.5"), backup_in("b0ff", created)]
    seen, _, err = run("--no-passphrase")
    assert seen == status
    if status:
        assert isinstance(failure(err.splitlines()[-1]), UnreachableError)


def test_a_node_without_a_controller_is_no_manager(run: Run, engine: FakeEngine) -> None:
    engine.running = []
    status, _, err = run("--no-passphrase")
    assert (status, "run the backup on a manager" in err) == (1, True)


def test_without_the_engines_socket_it_says_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert backup.main(["--no-passphrase"], Engine(tmp_path / "docker.sock")) == 1
    assert "No such file or directory; was it given, -v /var/run/docker.sock" in capfd.readouterr().err


def test_a_file_is_written_with_the_log_beside_it(run: Run, tmp_path: Path) -> None:
    status, out, _ = run("--no-passphrase", "--file", str(tmp_path / "b.tar"))
    assert (status, out) == (0, b"")
    with tarfile.open(tmp_path / "b.tar") as tar:
        assert len(tar.getnames()) >= 27
    assert (tmp_path / "backup.log").read_text().startswith('time="')
    run("--no-passphrase", "--include-logs=false", "--file", str(tmp_path / "without" / "b.tar"))
    assert not (tmp_path / "without").exists()


def test_a_log_can_be_json(run: Run) -> None:
    _, _, err = run("--no-passphrase", "--jsonlog")
    assert {json.loads(line)["level"] for line in err.splitlines()} == {"info"}


@pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg is not on this machine")
def test_gpg_opens_a_backup_with_its_passphrase_alone(run: Run, tmp_path: Path) -> None:
    _, out, _ = run("--passphrase", "twelve chars")
    tmp_path.chmod(0o700)
    (tmp_path / "backup.gpg").write_bytes(out)
    gpg = [
        "gpg",
        "--homedir",
        str(tmp_path),
        "--batch",
        "--pinentry-mode",
        "loopback",
        "--passphrase-fd",
        "0",
    ]
    opened, refused = (
        subprocess.run(
            [*gpg, "-d", str(tmp_path / "backup.gpg")], input=given, capture_output=True, check=False
        )
        for given in (b"twelve chars", b"other words!")
    )
    assert (refused.returncode, refused.stdout) == (2, b"")
    with tarfile.open(fileobj=io.BytesIO(opened.stdout)) as tar:
        assert len(tar.getnames()) >= 27


def test_a_truncated_backup_ends_well_within_a_file(run: Run, engine: FakeEngine) -> None:
    engine.folders["/state"] |= {backup.TRUNCATED: b""}
    status, out, _ = run("--no-passphrase")
    seen = stream_control_plane(io.BytesIO(out), io.BytesIO(), [generate_identity()[1]], "lab/ucp")
    assert (status, "cut off" in (why_not_whole(seen) or "")) == (0, True)
