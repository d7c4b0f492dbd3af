from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from blocks.cluster import RegistryCluster
from blocks.connection import ClusterConnection
from runbook.domain.errors import ForeignFileError, InvalidConfigError
from runbook.domain.load_balancer import Backend
from runbook.remote.load_balancer import LoadBalancer
from runbook.remote.manual_balancer import ManualBalancer
from runbook.remote.nlb import AwsNlb
from tests.fakes.nlb_site import nlb_site

EXAMPLE = Path(__file__).parents[3] / "deployments" / "examples" / "msr-2.9-mke.yaml"
ARN = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/msr/0123456789abcdef"
NLB: dict[str, Any] = {"region": "eu-west-1", "target_group_arn": ARN}


def cluster(
    tmp_path: Path, balancer: dict[str, Any], edit: Callable[[dict[str, Any]], Any] | None = None
) -> Path:
    document = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    document["load_balancer"] = balancer
    if edit:
        edit(document)
    path = tmp_path / "cluster.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("balancer", "kind", "name"),
    [({"aws_nlb": NLB}, AwsNlb, "aws-nlb"), ({"manual": {"name": "f5"}}, ManualBalancer, "f5")],
)
def test_each_kind_leads_to_a_load_balancer_of_that_name(
    tmp_path: Path, balancer: dict[str, Any], kind: type, name: str
) -> None:
    settings = RegistryCluster.from_file(cluster(tmp_path, balancer)).settings
    found = ClusterConnection(settings).load_balancer
    assert isinstance(found, kind)
    assert found.name == settings.load_balancer.used.name == name
    assert settings.load_balancer.machines == []


@pytest.mark.parametrize(
    ("balancer", "words"),
    [
        ({}, "load_balancer: give exactly one of haproxy, aws_nlb and manual"),
        ({"aws_nlb": NLB, "manual": {}}, "load_balancer: give exactly one of haproxy, aws_nlb and manual"),
        ({"aws_nlb": {**NLB, "target_group_arn": "msr"}}, "load_balancer.aws_nlb.target_group_arn: must be the ARN"),
        ({"aws_nlb": {**NLB, "access_key": "env:A"}}, "aws_nlb.secret_key: is missing beside access_key"),
        ({"aws_nlb": {**NLB, "access_key": "AKIA", "secret_key": "s"}}, "must be env:NAME, file:PATH or block:NAME"),
        ({"aws_nlb": {**NLB, "instances": {"msr-9": "i-1"}}}, "aws_nlb.instances.msr-9: msr-9 is none of the nodes"),
        ({"manual": {"name": "msr-2"}}, "load_balancer.manual.name: msr-2 is the name of nodes[2] too"),
        ({"manual": {"wait_seconds": 0}}, "load_balancer.manual.wait_seconds: Input should be greater than 0"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_it_is_named_with_its_path(
    tmp_path: Path, balancer: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidConfigError) as invalid:
        RegistryCluster.from_file(cluster(tmp_path, balancer))
    assert words in invalid.value.what


def test_the_ports_of_the_cluster_file_and_what_may_be_taken_over_are_asked_of_aws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NLB_KEY", "key")
    with nlb_site() as site:
        group = site.new_group(443)
        targets = [{"Id": f"192.0.2.{last}", "Port": 4443} for last in (21, 99)]
        site.client().register_targets(TargetGroupArn=group, Targets=targets)
        keys = {"access_key": "env:NLB_KEY", "secret_key": "env:NLB_KEY", "endpoint": site.url}

        def balancer(take_over: bool) -> LoadBalancer:
            nlb = {**NLB, **keys, "target_group_arn": group, "take_over": take_over}
            path = cluster(tmp_path, {"aws_nlb": nlb}, lambda file: file["registry"].update(https_port=4443))
            return ClusterConnection(RegistryCluster.from_file(path).settings).load_balancer

        pool = [Backend("msr-1", "192.0.2.21", 4443)]
        assert sorted(balancer(False).pool_state()) == ["192.0.2.99:4443", "msr-1"]
        with pytest.raises(ForeignFileError, match="192.0.2.99:4443"):
            balancer(False).apply(pool)
        balancer(True).apply(pool)
        assert sorted(balancer(True).pool_state()) == ["msr-1"]


def test_without_haproxy_no_port_is_taken_by_its_statistics(tmp_path: Path) -> None:
    path = cluster(
        tmp_path,
        {"manual": {}},
        lambda document: document["registry"].update(external_url="https://registry.example.com:8181"),
    )
    assert RegistryCluster.from_file(path).settings.registry.server[1] == 8181
