"""What AWS's load balancer alone promises, by moto and what moto lacks of the health of targets."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from runbook.domain.errors import ForeignFileError, NotReadyError, RefusedError
from runbook.domain.findings import Level
from runbook.domain.load_balancer import Backend
from runbook.domain.plans import Action
from runbook.remote.nlb import AwsNlb
from runbook.remote.waiting import wait_until
from tests.fakes.nlb_site import NlbSite, nlb_site
from tests.integration import balancer_worlds

POOL = [Backend("dtr1", "10.0.0.10", 4443), Backend("dtr2", "10.0.0.11", 4443)]


@pytest.fixture(scope="module")
def site() -> Iterator[NlbSite]:
    with nlb_site() as site:
        yield site


@pytest.fixture(autouse=True)
def clean(site: NlbSite) -> None:
    site.unhealthy.clear()
    site.busy.clear()
    site.refused = ""


def nlb(site: NlbSite, group: str, **changes: Any) -> AwsNlb:
    return balancer_worlds.nlb(site, group, 4443, **changes)


def put(site: NlbSite, group: str, identifier: str, port: int) -> None:
    """Have somebody register a target."""
    site.client().register_targets(TargetGroupArn=group, Targets=[{"Id": identifier, "Port": port}])


def targets(site: NlbSite, arn: str) -> list[tuple[str, int]]:
    rows = site.client().describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    return sorted((row["Target"]["Id"], row["Target"]["Port"]) for row in rows)


def said(balancer: AwsNlb) -> list[str]:
    return [finding.what for finding in balancer.check(POOL) if finding.level is not Level.OK]


def test_the_targets_are_the_ports_of_the_replicas_in_both_groups(site: NlbSite) -> None:
    https, http = site.new_group(443), site.new_group(80)
    nlb(site, https, http_group=http).apply(POOL)
    assert targets(site, https) == [("10.0.0.10", 4443), ("10.0.0.11", 4443)]
    assert targets(site, http) == [("10.0.0.10", 80), ("10.0.0.11", 80)]


def test_one_that_is_in_one_group_alone_is_completed(site: NlbSite) -> None:
    https, http = site.new_group(443), site.new_group(80)
    nlb(site, https).apply(POOL)
    balancer = nlb(site, https, http_group=http)
    assert balancer.pool_state()["dtr1"].words == "healthy, not in all of its target groups"
    assert balancer.plan(POOL).reason == "dtr1, dtr2 not in its pool"
    balancer.apply(POOL)
    assert targets(site, http) == [("10.0.0.10", 80), ("10.0.0.11", 80)]


def test_a_group_of_instances_takes_the_instances_of_the_nodes(site: NlbSite) -> None:
    group = site.new_group(443, kind="instance")
    instances = instance_ids(site, 2)
    balancer = nlb(site, group, instances={"dtr1": instances[0], "dtr2": instances[1]})
    balancer.apply(POOL)
    assert targets(site, group) == sorted((identifier, 4443) for identifier in instances)
    assert sorted(balancer.pool_state()) == ["dtr1", "dtr2"]
    with pytest.raises(RefusedError, match=r"dtr3 is none of its instances.*\nNext: .*aws_nlb.instances"):
        balancer.apply([*POOL, Backend("dtr3", "10.0.0.12")])


def instance_ids(site: NlbSite, count: int) -> list[str]:
    made = site.client("ec2").run_instances(ImageId="ami-12c6146b", MinCount=count, MaxCount=count)
    return [str(instance["InstanceId"]) for instance in made["Instances"]]


def test_nobody_leaves_before_the_new_ones_are_healthy(site: NlbSite) -> None:
    group = site.new_group(443)
    nlb(site, group).apply(POOL[:1])
    site.unhealthy.add("10.0.0.11")
    with pytest.raises(NotReadyError, match="dtr2 is unhealthy"):
        nlb(site, group, healthy_within=0.3).apply(POOL[1:])
    assert targets(site, group) == [("10.0.0.10", 4443)]


def test_a_target_on_another_port_than_the_replicas_is_no_replica(site: NlbSite) -> None:
    group = site.new_group(443)
    put(site, group, "10.0.0.10", 443)
    balancer = nlb(site, group)
    assert sorted(balancer.pool_state()) == ["10.0.0.10:443"]
    assert balancer.plan(POOL[:1]).reason == "dtr1 not in its pool"
    balancer.apply(POOL[:1])
    assert targets(site, group) == [("10.0.0.10", 4443)]
    assert balancer.plan(POOL[:1]).action is Action.KEEP


def test_a_group_with_targets_of_somebody_else_is_not_touched(site: NlbSite) -> None:
    group = site.new_group(443)
    put(site, group, "10.0.0.99", 443)
    balancer = nlb(site, group)
    for change in (lambda: balancer.apply(POOL), lambda: balancer.drain(POOL[1], POOL[:1])):
        with pytest.raises(ForeignFileError, match=r"10.0.0.99:443 in arn:.* is no registry node") as refused:
            change()
        assert "take_over: true" in refused.value.next_step
    assert targets(site, group) == [("10.0.0.99", 443)]
    (found,) = [finding for finding in balancer.check(POOL) if finding.level is Level.BLOCKS]
    assert found.what == refused.value.what


def test_a_target_of_somebody_else_is_taken_out_where_that_is_asked_for(site: NlbSite) -> None:
    group = site.new_group(443)
    nlb(site, group).apply(POOL[:1])
    put(site, group, "10.0.0.99", 443)
    balancer = nlb(site, group, take_over=True)
    assert balancer.plan(POOL[:1]).reason == "10.0.0.99:443 still in its pool"
    balancer.apply(POOL[:1])
    assert targets(site, group) == [("10.0.0.10", 4443)]


def test_a_drain_waits_until_aws_has_let_the_connections_end(site: NlbSite) -> None:
    balancer = nlb(site, site.new_group(443))
    balancer.apply(POOL)
    site.busy.add("10.0.0.11")
    drained = threading.Thread(target=balancer.drain, args=(POOL[1], POOL[:1]))
    drained.start()
    wait_until(
        lambda: "it is in" if "dtr2" in balancer.pool_state() else None, where="nlb", timeout=20, poll=0.1
    )
    assert drained.is_alive()
    site.busy.clear()
    drained.join(30)
    assert not drained.is_alive()


@pytest.mark.parametrize(
    ("group", "listener", "what"),
    [
        ({}, {"idle": "350"}, "port 443 ends connections after 350 s of silence; more than 600 s are needed"),
        ({"HealthCheckPath": "/"}, {}, "port 443: replicas are probed by HTTPS /, not by HTTPS /_ping"),
        (
            {"HealthCheckProtocol": "HTTP"},
            {},
            "port 443: replicas are probed by HTTP /_ping, not by HTTPS /_ping",
        ),
        (
            {"HealthCheckPort": "80"},
            {},
            "port 443: replicas are probed by HTTPS /_ping on port 80, not by HTTPS /_ping",
        ),
        ({"Protocol": "TCP_UDP"}, {"protocol": "TCP_UDP"}, "port 443 is not passed through as TCP"),
    ],
)
def test_what_the_operator_set_up_otherwise_is_a_finding(
    site: NlbSite, group: dict[str, str], listener: dict[str, str], what: str
) -> None:
    arn = site.new_group(443, **group)
    site.listen(arn, 443, **listener)
    balancer = nlb(site, arn)
    balancer.apply(POOL)
    assert said(balancer) == [what]


def test_a_port_without_a_listener_and_clients_addresses_that_are_kept_are_findings(site: NlbSite) -> None:
    group = site.new_group(443)
    balancer = nlb(site, group)
    balancer.apply(POOL)
    kept = [{"Key": "preserve_client_ip.enabled", "Value": "true"}]
    site.client().modify_target_group_attributes(TargetGroupArn=group, Attributes=kept)
    assert said(balancer) == [
        "nothing takes port 443",
        "it keeps clients' addresses, so a node that is sent to its own replica gets no answer",
    ]


def test_what_is_kept_of_it_are_groups_listeners_and_attributes_and_no_key(site: NlbSite) -> None:
    group = site.new_group(443)
    site.listen(group, 443)
    (kept,) = nlb(site, group).described()["target_groups"]
    assert kept["HealthCheckPath"] == "/_ping"
    assert kept["Attributes"]["deregistration_delay.timeout_seconds"] == "300"
    assert kept["Listeners"][0]["Attributes"]["tcp.idle_timeout.seconds"] == "900"
    assert "secret" not in json.dumps(kept)


def test_a_right_that_is_missing_is_named_with_the_call(site: NlbSite) -> None:
    group = site.new_group(443)
    site.refused = "AccessDenied"
    with pytest.raises(RefusedError, match="DescribeTargetGroups: AWS answered AccessDenied"):
        nlb(site, group).plan(POOL)
