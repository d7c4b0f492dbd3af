"""Four credentials of one vault: each is used for its own work, and shown with what it can really do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from blocks.cluster import RegistryCluster
from blocks.connection import ClusterConnection
from flows.cli import app
from runbook.domain.access import Right, Role
from runbook.domain.errors import InvalidConfigError, RefusedError
from runbook.remote.access_probe import prepare_probe, probe_rights
from runbook.remote.catalogue import expected_points
from runbook.remote.pins import pin, read_pins, unpin
from runbook.remote.prune import Removal, remove_point
from runbook.remote.vault_s3 import S3Vault
from tests.fakes.guarded_s3 import (
    BYPASS,
    DELETE,
    EVERYTHING,
    LIST,
    LOCK,
    READ,
    ROOT,
    WRITE,
    GuardedS3,
    guarded_s3,
)
from tests.fakes.manifests import NOW
from tests.fakes.memory_storage import MemoryStorage
from tests.fakes.published_points import CLUSTER, TREE, publish_point

EXAMPLE = Path(__file__).parents[2] / "deployments" / "examples" / "msr-2.9-mke.yaml"
GRANTS = {
    Role.WRITER: {LIST, READ, WRITE, LOCK},
    Role.VERIFIER: {LIST, READ},
    Role.PRUNER: {LIST, READ, WRITE, DELETE},
    Role.RESTORER: {LIST, READ},
}


@pytest.fixture(scope="module")
def s3() -> Iterator[GuardedS3]:
    with guarded_s3() as endpoint:
        yield endpoint


@pytest.fixture
def document(s3: GuardedS3, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return a cluster file whose vault has four users, each with the rights it needs."""
    s3.grants = {role.value: frozenset(rights) for role, rights in GRANTS.items()}
    for role in Role:
        monkeypatch.setenv(f"{role.upper()}_KEY", role)
    monkeypatch.setenv("VAULT_ACCESS_KEY", ROOT)
    monkeypatch.setenv("VAULT_SECRET_KEY", "secret")
    content: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    content["vault"] |= {
        "url": f"s3://{s3.new_bucket()}",
        "endpoint": s3.url,
        "credentials": {
            role.value: {"access_key": f"env:{role.upper()}_KEY", "secret_key": "env:VAULT_SECRET_KEY"}
            for role in Role
        },
    }
    return content


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "prod.yaml"


def run(file: Path, document: dict[str, Any]) -> tuple[str, BaseException | None]:
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    ended = CliRunner().invoke(app, ["points", "access", "--cluster", str(file)], env={"COLUMNS": "120"})
    return ended.output, None if isinstance(ended.exception, SystemExit) else ended.exception


def rows(output: str) -> dict[str, list[str]]:
    lines = [line.split() for line in output.splitlines()]
    return {cells[0]: cells[1:] for cells in lines if cells and cells[0] in set(Role)}


def test_what_each_credential_can_do_is_shown_and_nothing_is_wrong_with_the_least(
    s3: GuardedS3, file: Path, document: dict[str, Any]
) -> None:
    output, error = run(file, document)
    assert error is None
    assert rows(output) == {
        "writer": ["yes", "yes", "yes", "yes", "no", "yes", "no"],
        "verifier": ["yes", "yes", "no", "no", "no", "no", "no"],
        "pruner": ["yes", "yes", "yes", "yes", "yes", "no", "no"],
        "restorer": ["yes", "yes", "no", "no", "no", "no", "no"],
    }
    assert "warning" not in output
    bucket = document["vault"]["url"].removeprefix("s3://")
    assert s3.client().list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_what_a_role_should_not_be_able_to_do_is_a_warning(
    s3: GuardedS3, file: Path, document: dict[str, Any]
) -> None:
    s3.grants |= {
        "writer": EVERYTHING,
        "verifier": frozenset({LIST, READ, WRITE}),
        "pruner": EVERYTHING - {LOCK},
    }
    output, error = run(file, document)
    assert error is None
    assert "warning: vault.credentials.writer may delete, shorten a lock and need not\nNext: " in output
    assert "warning: vault.credentials.verifier may write, overwrite and need not" in output
    assert "credentials.pruner" not in output


def test_a_role_that_lacks_what_it_needs_is_refused(
    s3: GuardedS3, file: Path, document: dict[str, Any]
) -> None:
    s3.grants |= {"writer": frozenset({LIST, READ, WRITE}), "pruner": frozenset({LIST, READ, WRITE})}
    _, error = run(file, document)
    assert isinstance(error, RefusedError)
    assert error.exit_status == 3
    assert "vault.credentials.writer: may not lock in s3://" in error.what
    assert "vault.credentials.pruner: may not delete in s3://" in error.what


def test_one_pair_of_keys_for_all_is_not_blamed_for_what_it_can_do(
    file: Path, document: dict[str, Any]
) -> None:
    del document["vault"]["credentials"]
    output, error = run(file, document)
    assert error is None
    assert rows(output) == dict.fromkeys(Role, ["yes"] * 7)
    assert "warning" not in output


def test_a_vault_without_object_lock_is_not_asked_for_locks(file: Path, document: dict[str, Any]) -> None:
    del document["vault"]["object_lock"]
    output, _ = run(file, document)
    assert rows(output)["writer"] == ["yes", "yes", "yes", "yes", "no", "-", "-"]


def test_keys_that_are_on_another_machine_are_not_tried(
    file: Path, document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PRUNER_KEY")
    output, error = run(file, document)
    assert error is None
    assert rows(output)["pruner"] == ["-"] * 7
    assert rows(output)["restorer"][:3] == ["yes", "yes", "no"]
    assert "warning: the pruner was not tried, for env:PRUNER_KEY is not set\nNext: try it where" in output


def test_one_who_may_shorten_locks_is_seen(s3: GuardedS3, file: Path, document: dict[str, Any]) -> None:
    s3.grants["pruner"] = frozenset({LIST, READ, DELETE, LOCK, BYPASS})
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    connection = ClusterConnection(RegistryCluster.from_file(file).settings)
    prepare_probe(connection.vault, "prod", NOW.replace(year=2096), locks=True)
    seen = probe_rights(connection.vault_as(Role.PRUNER), "prod", NOW.replace(year=2096), locks=True)
    assert (seen[Right.SHORTEN], seen[Right.WRITE]) == (True, False)


def test_points_are_listed_by_the_verifier_and_no_other_key_is_wanted(
    s3: GuardedS3, file: Path, document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("VAULT_ACCESS_KEY", "WRITER_KEY", "PRUNER_KEY", "RESTORER_KEY"):
        monkeypatch.delenv(name)
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    command = ["points", "list", "--cluster", str(file)]
    assert CliRunner().invoke(app, command).exit_code == 0
    s3.grants["verifier"] = frozenset()
    refused = CliRunner().invoke(app, command)
    assert isinstance(refused.exception, RefusedError)


def test_half_a_pair_of_a_role_and_keys_of_a_folder_are_refused(file: Path, document: dict[str, Any]) -> None:
    del document["vault"]["credentials"]["pruner"]["secret_key"]
    document["vault"]["url"] = "file:///srv/points"
    _, error = run(file, document)
    assert isinstance(error, InvalidConfigError)
    assert "vault.credentials.pruner.secret_key: is missing" in error.what
    assert "vault.credentials: a folder takes no keys" in error.what


def test_the_pruner_removes_a_point_with_no_more_rights_than_the_page_gives_it(s3: GuardedS3) -> None:
    s3.grants = {role.value: frozenset(rights) for role, rights in GRANTS.items()}
    bucket = s3.new_bucket()
    writer, pruner = (S3Vault(s3.client(name), bucket) for name in ("writer", "pruner"))
    manifest = publish_point(writer, MemoryStorage(TREE))
    removed = remove_point(
        pruner, CLUSTER, manifest.id, finished=True, still_allowed=lambda: None, records=writer
    )
    assert removed == Removal(gone=True)
    assert list(writer.list(f"{CLUSTER}/points/")) == []
    assert expected_points(writer, CLUSTER) == set()


def test_pins_come_and_go_where_nothing_may_be_deleted(s3: GuardedS3) -> None:
    s3.grants = {"writer": frozenset(GRANTS[Role.WRITER])}
    vault = S3Vault(s3.client("writer"), s3.new_bucket())
    manifest = publish_point(vault, MemoryStorage(TREE))
    for why in ("audit", "again"):
        pin(vault, CLUSTER, manifest.id, why)
        assert read_pins(vault, CLUSTER) == {manifest.id: why}
        unpin(vault, CLUSTER, manifest.id)
        assert read_pins(vault, CLUSTER) == {}
