"""The load balancer in front of the replicas."""

from ipaddress import AddressValueError, IPv4Address
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from blocks.ssh_access import NodeSettings
from runbook.domain.topology import NodeRole
from runbook.remote.haproxy import CONFIG_PATH, EVERYWHERE, LOOPBACK, STATS_PORT


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


class LoadBalancerSettings(BaseModel):
    """TCP passthrough to every healthy replica, on 80 and the port of the external URL."""

    model_config = ConfigDict(extra="forbid")

    haproxy: HaproxySettings
