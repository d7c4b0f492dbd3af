"""The registry's storage: reachable, and configured in the registry as the cluster file says."""

from prefect import get_run_logger
from pydantic import SecretStr

from blocks.connection import ClusterConnection
from blocks.secret_references import resolve
from blocks.storage import S3Settings
from runbook.domain.errors import MismatchError, RunbookError
from runbook.domain.findings import Finding, from_error, ok
from runbook.domain.plans import Action, Step
from runbook.domain.storage_settings import choose_storage_step, place_in
from runbook.remote.registry_admin_types import S3StorageSettings
from tasks.policy import step


@step("check storage")
def check_storage(cluster: ClusterConnection) -> tuple[Finding, ...]:
    """Return whether the storage can be listed."""
    try:
        empty = cluster.storage.is_empty()
    except RunbookError as error:
        return (from_error(error),)
    return (ok(cluster.storage.where, "is empty" if empty else "has objects"),)


@step("storage settings")
def ensure_storage(cluster: ClusterConnection) -> Step:
    """Leave the registry keeping images where the cluster file says; refuse where that would lose tags."""
    settings = cluster.settings.storage.used
    wanted = settings.place()
    with cluster.admin as admin:
        seen = place_in(admin.storage_settings())
        decision = choose_storage_step(seen, wanted, repositories=len(admin.repositories()))
        get_run_logger().info("%s", decision)
        if decision.action is Action.CONFIGURE and isinstance(settings, S3Settings):
            admin.set_s3_storage(_with_keys(settings))
            seen = place_in(admin.storage_settings())
            if seen != wanted:
                what = f"the registry took {wanted} and shows {seen}"
                raise MismatchError("storage", what, "look at System > Storage in its UI")
    return decision


def _with_keys(s3: S3Settings) -> S3StorageSettings:
    """Return the bucket with its keys; without keys the registry's nodes use their instance role."""
    return S3StorageSettings(
        bucket=s3.bucket,
        region=s3.region,
        endpoint=s3.endpoint or "",
        root_directory=s3.root_directory,
        access_key=resolve(s3.access_key).get_secret_value() if s3.access_key else "",
        secret_key=resolve(s3.secret_key) if s3.secret_key else SecretStr(""),
        secure=not (s3.endpoint or "").startswith("http://"),
    )
