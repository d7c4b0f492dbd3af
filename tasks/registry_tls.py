"""The registry's own certificate, looked at before anything is installed with it."""

from datetime import UTC, datetime

from blocks.connection import ClusterConnection
from blocks.secret_references import resolve
from runbook.domain.errors import RunbookError
from runbook.domain.findings import Finding, from_error
from runbook.domain.registry_tls import judge_certificate
from runbook.remote.certificates import read_certificate
from tasks.policy import step


@step("check the registry's certificate")
def check_registry_tls(cluster: ClusterConnection) -> tuple[Finding, ...]:
    """Return everything that keeps the configured certificate from being the registry's; nothing without one."""
    registry = cluster.settings.registry
    if registry.tls is None:
        return ()
    try:
        key = resolve(registry.tls.key).get_secret_value()
        seen = read_certificate(registry.tls.certificate_pem(), key, registry.tls.ca_pem())
    except RunbookError as error:
        return (from_error(error),)
    return judge_certificate(seen, registry.server[0], datetime.now(UTC))
