"""The load balancer in front of the replicas: exactly one of three kinds."""

from collections.abc import Iterator, Mapping
from ipaddress import AddressValueError, IPv4Address
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ModelWrapValidatorHandler, model_validator

from blocks.problems import Problem, validated
from blocks.s3_access import S3Access
from blocks.ssh_access import NodeSettings, Plain
from runbook.domain.topology import NodeRole
from runbook.remote.haproxy import CONFIG_PATH, Haproxy, HaproxyPlace
from runbook.remote.haproxy_config import EVERYWHERE, LOOPBACK, STATS_PORT, Statistics
from runbook.remote.load_balancer import Site
from runbook.remote.manual_balancer import ManualBalancer
from runbook.remote.nlb import AwsNlb, NlbPlace
from runbook.remote.nlb_api import ElbApi

BALANCERS = ("haproxy", "aws_nlb", "manual")
_ARN = r"^arn:[a-z0-9-]+:elasticloadbalancing:[a-z0-9-]+:\d{12}:targetgroup/\S+$"


def _check_address(text: str) -> str:
    if text == EVERYWHERE:
        return text
    try:
        address = IPv4Address(text)
    except AddressValueError:
        raise ValueError("must be an IPv4 address of the load balancer, or * for all") from None
    return EVERYWHERE if address.is_unspecified else text


class HaproxySettings(NodeSettings):
    """A machine with HAProxy that is configured over SSH."""

    name: Plain = Field(description="What findings and steps call it")
    role: Literal[NodeRole.BALANCER] = NodeRole.BALANCER
    config_path: str = Field(default=CONFIG_PATH, description="The file that HAProxy reads")
    take_over: bool = Field(
        default=False, description="That file may be replaced although it was written by hand"
    )
    stats_port: int = Field(default=STATS_PORT, ge=1, le=65535, description="Port of HAProxy's status page")
    stats_address: Annotated[str, AfterValidator(_check_address)] = Field(
        default=LOOPBACK,
        description="Who may see the status page, which asks for no password; * for everybody",
    )
    drain_seconds: float = Field(
        default=120, ge=0, description="How long a replica's open connections may take to end before it goes"
    )

    def connect(self, site: Site) -> Haproxy:
        """Return HAProxy on its machine."""
        statistics = Statistics(self.stats_port, self.stats_address)
        place = HaproxyPlace(
            self.name, self.config_path, self.take_over, statistics, drain_within=self.drain_seconds
        )
        return Haproxy(site, place)


class AwsNlbSettings(S3Access):
    """A Network Load Balancer of AWS: the target groups behind its listeners."""

    name: Plain = Field(default="aws-nlb", description="What findings and steps call it")
    region: str = Field(min_length=1, description="Region of the load balancer")
    target_group_arn: str = Field(pattern=_ARN, description="Target group of the external URL's port")
    http_target_group_arn: str | None = Field(default=None, pattern=_ARN, description="That of port 80")
    endpoint: str | None = Field(default=None, description="Of a VPC endpoint; left out: AWS's own")
    instances: dict[Plain, str] = Field(
        default_factory=dict,
        description="Instance id of each registry node, for target groups of instances; of addresses: left out",
    )
    healthy_seconds: float = Field(
        default=300, gt=0, description="How long a new target may take to be healthy"
    )
    take_over: bool = Field(
        default=False, description="Targets that are no registry node of the cluster file may be taken out"
    )

    def connect(self, site: Site) -> AwsNlb:
        """Return the load balancer, reached with its keys."""
        place = NlbPlace(
            self.name,
            self.target_group_arn,
            self.http_target_group_arn,
            self.instances,
            self.healthy_seconds,
            take_over=self.take_over,
        )
        return AwsNlb(ElbApi(self.name, self.reached_in(self.region)), site, place)


class ManualSettings(BaseModel):
    """A load balancer that a person sets up; the runbooks say how, and wait until it does that."""

    model_config = ConfigDict(extra="forbid")

    name: Plain = Field(default="load-balancer", description="What findings and steps call it")
    wait_seconds: float = Field(
        default=1800, gt=0, description="How long a person may take to change its pool"
    )

    def connect(self, site: Site) -> ManualBalancer:
        """Return what can be seen of it from outside."""
        return ManualBalancer(self.name, site, self.wait_seconds)


class LoadBalancerSettings(BaseModel):
    """TCP passthrough to every healthy replica, on 80 and the port of the external URL; exactly one kind."""

    model_config = ConfigDict(extra="forbid")

    haproxy: HaproxySettings | None = None
    aws_nlb: AwsNlbSettings | None = None
    manual: ManualSettings | None = None

    @model_validator(mode="wrap")
    @classmethod
    def _exactly_one(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return validated(handler, data, _kinds(data))

    @property
    def used(self) -> HaproxySettings | AwsNlbSettings | ManualSettings:
        """The kind that is given."""
        used = self.haproxy or self.aws_nlb or self.manual
        assert used  # it was validated
        return used

    @property
    def machines(self) -> list[NodeSettings]:
        """The machines of it that SSH reaches."""
        return [self.haproxy] if self.haproxy else []


def _kinds(data: Any) -> Iterator[Problem]:
    if isinstance(data, Mapping) and sum(data.get(kind) is not None for kind in BALANCERS) != 1:
        yield Problem((), "give exactly one of haproxy, aws_nlb and manual")
