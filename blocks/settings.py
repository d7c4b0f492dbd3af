"""A cluster file, as types. The file and the `RegistryCluster` block hold the same thing."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    field_validator,
    model_validator,
)

from blocks.agreement import disagreements
from blocks.control_plane import ControlPlaneSettings
from blocks.external_url import ExternalUrl, host_and_port
from blocks.image_source import ImageSourceSettings
from blocks.load_balancer import LoadBalancerSettings
from blocks.paths import FilePath
from blocks.problems import validated
from blocks.proxy import ProxySettings
from blocks.registry_tls import RegistryTlsSettings
from blocks.ssh_access import NodeSettings, SshAccess
from blocks.storage import StorageSettings
from blocks.upgrade import UpgradeSettings
from blocks.vault import VaultSettings
from runbook.domain.topology import NodeRole, why_not_count


class TransportKind(StrEnum):
    """How the bootstrapper is run: `docker` over SSH on a manager, or the control plane's Docker API."""

    SSH = "ssh"
    DOCKER = "docker"


class RegistrySettings(BaseModel):
    """The registry: which image, which version, under which address."""

    model_config = ConfigDict(extra="forbid")

    image: str = Field(description="Bootstrapper image without tag: docker/dtr, mirantis/dtr, …")
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$", description="Exact version, the image's tag")
    external_url: ExternalUrl = Field(description="https://host[:port] of the load balancer")
    ca_file: FilePath | None = Field(
        default=None,
        description="CA of the registry, PEM; left out: the CA that the control plane registered",
    )
    overlay_subnet: str | None = Field(default=None, description="Subnet of the overlay network dtr-ol")
    http_port: int = Field(default=80, ge=1, le=65535, description="HTTP port of each replica")
    https_port: int = Field(default=443, ge=1, le=65535, description="HTTPS port of each replica")
    tls: RegistryTlsSettings | None = Field(
        default=None, description="Own certificate; left out: the registry makes one of its own authority"
    )
    proxy: ProxySettings | None = None
    images: ImageSourceSettings | None = Field(
        default=None, description="Where nodes get the registry's images; left out: from the vendor's names"
    )

    @property
    def host(self) -> str:
        """Host (and port) of the external URL, as image references name it."""
        return self.external_url.removeprefix("https://")

    @property
    def server(self) -> tuple[str, int]:
        """Host and port of the external URL, as a connection takes them."""
        place = host_and_port(self.external_url)
        assert place  # it was validated
        return place


class Targets(BaseModel):
    """What the business was promised; every report shows it beside what was reached."""

    model_config = ConfigDict(extra="forbid")

    rto_minutes: float = Field(default=60, gt=0, description="Time from the start of a restore to service")
    rpo_minutes: float = Field(default=1440, gt=0, description="Age of the newest recovery point, at most")


class ClusterSettings(BaseModel):
    """One registry with its replicas, control plane, load balancer, storage and vault."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,  # a secret that stands here by mistake would reach logs in a traceback
    )

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", description="Short name; a folder of the vault")
    registry: RegistrySettings
    control_plane: ControlPlaneSettings
    ssh: SshAccess
    nodes: list[NodeSettings] = Field(min_length=2)
    transport: TransportKind = Field(
        default=TransportKind.SSH,
        description="How the bootstrapper runs: `ssh`, or `docker` through the control plane's API",
    )
    replicas: int = Field(
        strict=True, description="How many replicas scale-out and restore aim for: 1, 3, 5 or 7"
    )
    storage: StorageSettings
    load_balancer: LoadBalancerSettings
    vault: VaultSettings
    targets: Targets = Targets()
    upgrade: UpgradeSettings = UpgradeSettings()

    @field_validator("replicas")
    @classmethod
    def _supported_count(cls, replicas: int) -> int:
        if reason := why_not_count(replicas):
            raise ValueError(reason)
        return replicas

    @model_validator(mode="wrap")
    @classmethod
    def _parts_agree(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return validated(handler, data, disagreements(data) if isinstance(data, Mapping) else ())

    @property
    def managers(self) -> list[NodeSettings]:
        """The nodes that run the control plane."""
        return [node for node in self.nodes if node.role is NodeRole.MANAGER]

    @property
    def registry_nodes(self) -> list[NodeSettings]:
        """The nodes that may hold a replica, in the order of preference."""
        return [node for node in self.nodes if node.role is NodeRole.REGISTRY]
