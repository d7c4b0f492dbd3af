"""The load balancer in front of the replicas."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from blocks.ssh_access import NodeSettings
from runbook.domain.topology import NodeRole


class HaproxySettings(NodeSettings):
    """A machine with HAProxy that is configured over SSH."""

    role: Literal[NodeRole.BALANCER] = NodeRole.BALANCER
    config_path: str = Field(default="/etc/haproxy/haproxy.cfg", description="The file that HAProxy reads")
    stats_port: int = Field(default=8181, ge=1, le=65535, description="Port of HAProxy's status page")


class LoadBalancerSettings(BaseModel):
    """TCP passthrough on 80 and 443 to every healthy replica."""

    model_config = ConfigDict(extra="forbid")

    haproxy: HaproxySettings
