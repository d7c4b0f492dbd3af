import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from blocks.cluster import RegistryCluster, load_cluster
from runbook.domain.errors import InvalidConfigError

EXAMPLES = Path(__file__).parents[3] / "deployments" / "examples"


def change(tmp_path: Path, edit: Callable[[dict[str, Any]], object]) -> Path:
    document = yaml.safe_load((EXAMPLES / "msr-2.9-mke.yaml").read_text(encoding="utf-8"))
    edit(document)
    path = tmp_path / "cluster.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_every_example_is_a_valid_cluster_file(example: Path) -> None:
    settings = RegistryCluster.from_file(example).settings
    assert len(settings.registry_nodes) >= settings.replicas == 3


def test_all_problems_are_named_at_once_each_with_its_path(tmp_path: Path) -> None:
    def spoil(document: dict[str, Any]) -> None:
        document["nodes"][2]["address"] = ""
        document["registry"]["version"] = "latest"
        document["control_plane"]["password"] = "hunter2"
        document["vault"]["recipients"] = []
        document["replcias"] = 3

    with pytest.raises(InvalidConfigError) as invalid:
        RegistryCluster.from_file(change(tmp_path, spoil))
    assert invalid.value.what.startswith("5 problems: ")
    for path in (
        "nodes[2].address",
        "registry.version",
        "control_plane.password",
        "vault.recipients",
        "replcias",
    ):
        assert f"{path}: " in invalid.value.what


def test_a_secret_written_into_the_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfigError) as invalid:
        RegistryCluster.from_file(change(tmp_path, lambda d: d["control_plane"].update(password="hunter2")))
    assert "must be env:NAME, file:PATH or block:NAME" in str(invalid.value)
    assert "hunter2" not in str(invalid.value)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda d: d.update(replicas=4), "replicas: 4 is even"),
        (lambda d: d.update(replicas=7), "7 are wanted and nodes holds 4 registry nodes"),
        (lambda d: d["nodes"][1].update(name="msr-2"), "named twice: msr-2"),
        (lambda d: d["nodes"].pop(0), "no node has the role manager"),
        (lambda d: d["control_plane"].pop("ca_file"), "give either ca_file or insecure_tls: true"),
        (lambda d: d.pop("vault"), "vault: Field required"),
        (lambda d: d["nodes"][0].update(host_key="no"), "nodes[0].host_key"),
    ],
)
def test_each_mistake_is_told_in_words(
    tmp_path: Path, edit: Callable[[dict[str, Any]], object], words: str
) -> None:
    with pytest.raises(InvalidConfigError) as invalid:
        RegistryCluster.from_file(change(tmp_path, edit))
    assert words in invalid.value.what


def test_paths_are_relative_to_the_cluster_file(tmp_path: Path) -> None:
    path = change(tmp_path, lambda d: d["ssh"].update(key="file:keys/id"))
    settings = RegistryCluster.from_file(path).settings
    assert settings.ssh.key == f"file:{tmp_path}/keys/id"
    assert settings.control_plane.ca_file == f"{tmp_path}/mke-ca.pem"


def test_a_file_that_is_missing_or_no_yaml_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfigError, match="cannot be read: No such file"):
        load_cluster(str(tmp_path / "absent.yaml"))
    broken = tmp_path / "broken.yaml"
    broken.write_text("name: [", encoding="utf-8")
    with pytest.raises(InvalidConfigError, match="is not YAML"):
        load_cluster(str(broken))


def test_the_block_holds_where_secrets_are_and_no_secret() -> None:
    dumped = RegistryCluster.from_file(EXAMPLES / "msr-2.9-mke.yaml").model_dump_json()
    assert "env:MKE_PASSWORD" in dumped
    assert "SecretStr" not in str(RegistryCluster.model_json_schema())


def test_a_secret_that_stands_in_the_file_by_mistake_is_in_no_traceback(tmp_path: Path) -> None:
    path = change(tmp_path, lambda d: d["control_plane"].update(password="hunter2"))
    with pytest.raises(InvalidConfigError, match="a secret itself never stands here") as invalid:
        RegistryCluster.from_file(path)
    assert "hunter2" not in "".join(traceback.format_exception(invalid.value))
