"""What the bootstrapper is told to install, from the cluster file."""

from pydantic import SecretStr

from blocks.secret_references import resolve
from blocks.settings import ClusterSettings
from runbook.domain.commands import InstallSpec, ReplicaPorts
from runbook.domain.install_options import TLS_KEY, TlsFlags, spellings


def make_install_spec(settings: ClusterSettings, node: str, ports: ReplicaPorts) -> InstallSpec:
    """Return the wanted first replica; nothing of it is secret."""
    registry = settings.registry
    tls = registry.tls
    return InstallSpec(
        node=node,
        external_url=registry.external_url,
        overlay_subnet=registry.overlay_subnet,
        ports=ports,
        storage=settings.storage.choice,
        tls=TlsFlags(tls.certificate_pem(), tls.ca_pem()) if tls else None,
        proxy=registry.proxy.flags() if registry.proxy else None,
    )


def install_secrets(settings: ClusterSettings) -> dict[str, SecretStr]:
    """Return what the bootstrapper is told beside it, by environment variable, each under both spellings."""
    registry = settings.registry
    named = registry.proxy.secrets() if registry.proxy else {}
    if registry.tls:
        named[TLS_KEY] = resolve(registry.tls.key)
    return {variable: secret for name, secret in named.items() for variable in spellings(name)}
