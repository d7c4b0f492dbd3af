"""The registry's own certificate, looked at before anything is installed with it."""

from datetime import UTC, datetime

from blocks.connection import ClusterConnection
from blocks.registry_tls import read_pem
from blocks.secret_references import resolve
from blocks.settings import RegistrySettings
from runbook.domain.errors import RunbookError
from runbook.domain.findings import Finding, from_error, ok
from runbook.domain.registry_tls import judge_certificate
from runbook.remote.certificates import read_certificate, read_certificates
from tasks.policy import step


@step("check the registry's certificate")
def check_registry_tls(cluster: ClusterConnection) -> tuple[Finding, ...]:
    """Return what keeps the configured certificate from being the registry's, its CA's from being read.

    Says nothing of what the cluster file does not name.
    """
    return (*_check_ca(cluster.settings.registry), *_check_certificate(cluster.settings.registry))


def _check_ca(registry: RegistrySettings) -> tuple[Finding, ...]:
    if registry.ca_file is None:
        return ()
    try:
        read_certificates("registry.ca_file", read_pem("registry.ca_file", registry.ca_file))
    except RunbookError as error:
        return (from_error(error),)
    return (ok("registry.ca_file", "it can be read"),)


def _check_certificate(registry: RegistrySettings) -> tuple[Finding, ...]:
    if registry.tls is None:
        return ()
    try:
        key = resolve(registry.tls.key).get_secret_value()
        seen = read_certificate(registry.tls.certificate_pem(), key, registry.tls.ca_pem())
    except RunbookError as error:
        return (from_error(error),)
    return judge_certificate(seen, registry.server[0], datetime.now(UTC))
