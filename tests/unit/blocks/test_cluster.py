import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from blocks.cluster import RegistryCluster, in_version, load_cluster
from runbook.domain.errors import InvalidConfigError
from runbook.domain.versions import image_repository, is_covered, parse_version
from runbook.remote.encryption import generate_identity

EXAMPLES = Path(__file__).parents[3] / "deployments" / "examples"


def change(tmp_path: Path, edit: Callable[[dict[str, Any]], object]) -> Path:
    document = yaml.safe_load((EXAMPLES / "msr-2.9-mke.yaml").read_text(encoding="utf-8"))
    edit(document)
    path = tmp_path / "cluster.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


NO_HOST_KEY = "nodes[0].host_key: its pinned host key is not a public key such as 'ssh-ed25519 AAAA…'; copy"
BAD_HOST_KEYS = (
    "no",
    "ssh-ed25519 !!!",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEXAMPLEmanager1",  # cut off
    "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIBFpBhpQySsr3qQXM3rEgiFMDd5zuKtMAGxIq7SF3fix",  # a key of another type
)


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_every_example_is_a_valid_cluster_file(example: Path) -> None:
    settings = RegistryCluster.from_file(example).settings
    version = parse_version(settings.registry.version)
    assert is_covered(version)
    assert settings.registry.image == image_repository(version)
    assert f"-{version.major}.{version.minor}-" in example.name
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


def test_what_the_parts_disagree_about_is_told_beside_what_is_wrong_in_a_part(tmp_path: Path) -> None:
    def spoil(document: dict[str, Any]) -> None:
        document["nodes"][1]["port"] = "ssh"
        document["nodes"][2]["address"] = document["nodes"][3]["address"]
        document["replicas"] = 5
        document["registry"]["version"] = "latest"
        document["storage"]["s3"].pop("access_key")
        document["storage"]["s3"]["region"] = ""

    with pytest.raises(InvalidConfigError) as invalid:
        RegistryCluster.from_file(change(tmp_path, spoil))
    assert invalid.value.what.startswith("6 problems: ")
    for path in (
        "nodes[1].port",
        "nodes[3].address",
        "replicas",
        "registry.version",
        "storage.s3.access_key",
        "storage.s3.region",
    ):
        assert f"{path}: " in invalid.value.what


def test_a_private_key_among_the_recipients_is_refused_and_not_repeated(tmp_path: Path) -> None:
    secret = generate_identity()[0].get_secret_value()
    with pytest.raises(InvalidConfigError, match="is no age public key") as invalid:
        RegistryCluster.from_file(change(tmp_path, lambda d: d["vault"].update(recipients=[secret])))
    assert secret not in "".join(traceback.format_exception(invalid.value))


@pytest.mark.parametrize(
    "edit",
    [
        lambda d: d.update(nodes=[None, {"role": []}, "dtr1"], replicas=None, load_balancer=[]),
        lambda d: d.update(registry=None, storage={"s3": []}, vault=1, nodes={"dtr1": {}}),
        lambda d: d.clear(),
    ],
)
def test_a_document_of_another_shape_is_an_invalid_cluster_file_and_no_bug(
    tmp_path: Path, edit: Callable[[dict[str, Any]], object]
) -> None:
    with pytest.raises(InvalidConfigError, match="problems: "):
        RegistryCluster.from_file(change(tmp_path, edit))


def test_without_keys_the_machines_own_credentials_are_used(tmp_path: Path) -> None:
    def strip(document: dict[str, Any]) -> None:
        for place in (document["storage"]["s3"], document["vault"]):
            del place["access_key"], place["secret_key"]

    settings = RegistryCluster.from_file(change(tmp_path, strip)).settings
    assert settings.storage.s3
    for access in (settings.storage.s3, settings.vault):
        reached = access.reached_in("eu-west-1")
        assert (reached.access_key, reached.secret_key) == (None, None)


def test_the_port_of_the_external_url_is_443_if_it_names_none(tmp_path: Path) -> None:
    def at(url: str) -> tuple[str, int]:
        path = change(tmp_path, lambda d: d["registry"].update(external_url=url))
        return RegistryCluster.from_file(path).settings.registry.server

    assert at("https://registry.example.com") == ("registry.example.com", 443)
    assert at("https://registry.example.com:4443") == ("registry.example.com", 4443)


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
        (lambda d: d["nodes"][1].update(name="msr-2"), "nodes[2].name: msr-2 is the name of nodes[1] too"),
        (
            lambda d: d["load_balancer"]["haproxy"].update(name="msr-2"),
            "load_balancer.haproxy.name: msr-2 is the name of nodes[2] too",
        ),
        (
            lambda d: d["nodes"][3].update(address="192.0.2.21"),
            "nodes[3].address: 192.0.2.21 is the address of nodes[1] too",
        ),
        (lambda d: d["nodes"].pop(0), "no node has the role manager"),
        (lambda d: d["control_plane"].pop("ca_file"), "give either ca_file or insecure_tls: true"),
        (lambda d: d.pop("vault"), "vault: is missing"),
        *((lambda d, t=text: d["nodes"][0].update(host_key=t), NO_HOST_KEY) for text in BAD_HOST_KEYS),
        (lambda d: d["nodes"][0].update(name="msr 1"), "nodes[0].name: must be made of letters"),
        (
            lambda d: d["vault"]["recipients"].append("notakey"),
            "vault.recipients[1]: is no age public key; write the age1… that `age-keygen -y` shows",
        ),
        (
            lambda d: d["registry"].update(external_url="https://registry.example.com/v2"),
            "registry.external_url: must be https://HOST or https://HOST:PORT",
        ),
        (
            lambda d: d["registry"].update(external_url="https://registry.example.com:70000"),
            "registry.external_url: must be https://HOST or https://HOST:PORT",
        ),
        (
            lambda d: d["registry"].update(external_url="https://registry.example.com:80"),
            "registry.external_url: port 80 is where the load balancer takes plain HTTP",
        ),
        (
            lambda d: d["registry"].update(external_url="https://registry.example.com:8181"),
            "load_balancer.haproxy.stats_port: the load balancer serves the registry on port 8181",
        ),
        (
            lambda d: d["load_balancer"]["haproxy"].update(stats_address="lb-1"),
            "load_balancer.haproxy.stats_address: must be an IPv4 address of the load balancer, or *",
        ),
        (
            lambda d: d["storage"]["s3"].pop("secret_key"),
            "storage.s3.secret_key: is missing beside access_key; give both, or neither",
        ),
        (
            lambda d: d["vault"].pop("access_key"),
            "vault.access_key: is missing beside secret_key; give both, or neither",
        ),
        (
            lambda d: d["vault"].update(url="file:///srv/points"),
            "vault.object_lock: a folder cannot lock its files; take an s3:// vault, or leave it out",
        ),
        (
            lambda d: d["vault"]["object_lock"].update(days=0),
            "vault.object_lock.days: Input should be greater than or equal to 1",
        ),
        (
            lambda d: d["vault"]["object_lock"].update(days=36500),
            "vault.object_lock.days: Input should be less than or equal to 3650",
        ),
        (
            lambda d: d["registry"].update(image="docker/dtr:2.9.29"),
            "registry.image: must have no tag and no digest; the tag stands in registry.version",
        ),
        (
            lambda d: d["registry"].update(version="3.1.0"),
            "registry.version: 3.1.0 is none of the versions that the runbooks cover: 2.4.0 and later, before",
        ),
        (
            lambda d: d["nodes"][4].update(role="balancer"),
            "nodes[4].role: must be manager or registry; the load balancer's machine stands under load_bal",
        ),
        (lambda d: d.update(replcias=3), "replcias: no such setting; did you mean replicas?"),
        (
            lambda d: d["nodes"][2].update(address_v4="192.0.2.9"),
            "nodes[2].address_v4: no such setting; did you mean address?",
        ),
        (
            lambda d: d["vault"].update(retention={"keep_dayly": 3}),
            "vault.retention.keep_dayly: no such setting; did you mean keep_daily?",
        ),
        (lambda d: d["vault"].update(zzz=1), "vault.zzz: no such setting"),
        (lambda d: d["registry"].update(version=2.9), "registry.version: must be text; write a number in"),
        (
            lambda d: d["registry"].update(version="2.9"),
            "registry.version: must be three numbers, such as 2.9",
        ),
        (lambda d: d["control_plane"].update(url="mke"), "control_plane.url: must begin with https://"),
        (
            lambda d: d.update(load_balancer={"aws_nlb": {"region": "eu-west-1", "target_group_arn": "msr"}}),
            "load_balancer.aws_nlb.target_group_arn: must be the ARN of a target group: arn:aws:",
        ),
        (lambda d: d.update(name="Prod 1"), "name: must be made of small letters, digits and -"),
        (lambda d: d.update(targets=[]), "targets: must be a group of settings, each `name: value`"),
        (
            lambda d: d["vault"]["object_lock"].update(mode="strict"),
            "vault.object_lock.mode: Input should be 'governance' or 'compliance'",
        ),
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


def test_a_file_that_is_empty_or_no_text_is_named(tmp_path: Path) -> None:
    file = tmp_path / "prod.yaml"
    for content, words in ((b"# nothing\n", "prod.yaml: is empty"), (b"name: \xff", "is not text in UTF-8")):
        file.write_bytes(content)
        with pytest.raises(InvalidConfigError, match=words):
            load_cluster(str(file))


@pytest.mark.parametrize(
    "line",
    ["password: hunter2: 1", "password: 'hunter2", "password: *hunter2", "password: !hunter2 x", "a: \x07"],
)
def test_a_file_that_is_no_yaml_is_told_by_place_and_without_its_content(tmp_path: Path, line: str) -> None:
    file = tmp_path / "prod.yaml"
    file.write_text(f"name: prod\n{line}\n", encoding="utf-8")
    with pytest.raises(
        InvalidConfigError, match="is not YAML: (line [23], column|it holds characters)"
    ) as invalid:
        load_cluster(str(file))
    assert "hunter2" not in "".join(traceback.format_exception(invalid.value))


def test_the_block_holds_where_secrets_are_and_no_secret() -> None:
    dumped = RegistryCluster.from_file(EXAMPLES / "msr-2.9-mke.yaml").model_dump_json()
    assert "env:MKE_PASSWORD" in dumped
    assert "SecretStr" not in str(RegistryCluster.model_json_schema())


def test_a_secret_that_stands_in_the_file_by_mistake_is_in_no_traceback(tmp_path: Path) -> None:
    path = change(tmp_path, lambda d: d["control_plane"].update(password="hunter2"))
    with pytest.raises(InvalidConfigError, match="a secret itself never stands here") as invalid:
        RegistryCluster.from_file(path)
    assert "hunter2" not in "".join(traceback.format_exception(invalid.value))


def test_the_same_cluster_in_another_version_and_what_is_none_is_refused() -> None:
    settings = RegistryCluster.from_file(EXAMPLES / "msr-2.9-mke.yaml").settings
    assert in_version(settings, None) is settings
    newer = in_version(settings, "2.10.4")
    assert (newer.registry.version, newer.registry.image) == ("2.10.4", settings.registry.image)
    assert settings.registry.version == "2.9.29"
    with pytest.raises(InvalidConfigError, match=r"'latest' is not a version like 2\.10\.4"):
        in_version(settings, "latest")
    settings.registry.external_url = "no address"
    with pytest.raises(InvalidConfigError, match=r"with version 2\.10\.4: external_url: "):
        in_version(settings, "2.10.4")


def test_the_way_back_may_be_a_day_old_unless_the_cluster_file_says_otherwise(tmp_path: Path) -> None:
    assert RegistryCluster.from_file(EXAMPLES / "dtr-2.4-ucp.yaml").settings.upgrade.max_point_age_hours == 24
    changed = change(tmp_path, lambda document: document.update(upgrade={"max_point_age_hours": 2}))
    assert RegistryCluster.from_file(changed).settings.upgrade.max_point_age.total_seconds() == 7200
