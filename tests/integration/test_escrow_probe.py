"""A person proves with the key that is kept elsewhere that it opens a point, from the command line."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from flows.cli import app
from runbook.domain.errors import InvalidConfigError, MismatchError, RefusedError
from runbook.domain.recovery import SIDECAR, part_key
from runbook.remote.encryption import generate_identity
from runbook.remote.recovery_points import publish, write_sidecar
from runbook.remote.vault_file import FileVault
from tests.fakes.manifests import MANIFEST

EXAMPLE = Path(__file__).parents[2] / "deployments" / "examples" / "dtr-2.4-ucp.yaml"
IDENTITY, RECIPIENT = generate_identity()


@pytest.fixture
def vault(tmp_path: Path) -> FileVault:
    """Return a vault with one point that RECIPIENT can open, and a cluster file beside it."""
    (tmp_path / "vault").mkdir()
    vault = FileVault(tmp_path / "vault")
    part = write_sidecar(vault, "prod", MANIFEST.id, {"version": "2.9.29"}, [RECIPIENT])
    whole = {SIDECAR: part}
    publish(vault, replace(MANIFEST, objects=whole, recipients=(RECIPIENT,)))
    document = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    document["vault"] |= {"url": f"file://{vault.root}", "recipients": [RECIPIENT]}
    (tmp_path / "prod.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    (tmp_path / "escrow.txt").write_text(IDENTITY.get_secret_value(), encoding="utf-8")
    return vault


def probe(vault: FileVault, identity: str) -> tuple[str, BaseException | None]:
    file = vault.root.parent / "prod.yaml"
    command = ["points", "escrow-probe", MANIFEST.id[:8], "--identity", identity, "--cluster", str(file)]
    ended = CliRunner().invoke(app, command)
    return ended.output, None if isinstance(ended.exception, SystemExit) else ended.exception


def test_the_key_that_is_kept_elsewhere_opens_a_point_and_that_is_on_record(vault: FileVault) -> None:
    output, error = probe(vault, f"file:{vault.root.parent}/escrow.txt")
    assert error is None
    assert output == f"recovery point {MANIFEST.id}: {RECIPIENT} opens all 1 parts; it is on record\n"
    assert MANIFEST.id.encode() in vault.get_bytes(f"prod/escrow/{RECIPIENT}.json")


def test_the_key_of_somebody_else_is_refused_and_nothing_is_on_record(
    vault: FileVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRANGER", generate_identity()[0].get_secret_value())
    _, error = probe(vault, "env:STRANGER")
    assert isinstance(error, RefusedError)
    assert list(vault.list("prod/escrow")) == []


def test_a_part_that_does_not_open_is_named(vault: FileVault) -> None:
    key = part_key("prod", MANIFEST.id, SIDECAR)
    vault.put_bytes(key, vault.get_bytes(key)[:-1])
    _, error = probe(vault, f"file:{vault.root.parent}/escrow.txt")
    assert isinstance(error, MismatchError)
    assert SIDECAR in error.where


def test_a_key_itself_on_the_command_line_is_refused_and_not_repeated(vault: FileVault) -> None:
    _, error = probe(vault, IDENTITY.get_secret_value())
    assert isinstance(error, InvalidConfigError)
    assert IDENTITY.get_secret_value() not in str(error)
