"""The registry's storage: reachable, and configured in the registry as the cluster file says."""

from prefect import get_run_logger
from pydantic import SecretStr

from blocks.connection import ClusterConnection
from blocks.secret_references import resolve
from blocks.storage import NfsSettings, S3Settings
from runbook.domain.errors import MismatchError, RunbookError
from runbook.domain.findings import Finding, Level, from_error, ok
from runbook.domain.plans import NO_REPLICA, Action, Step
from runbook.domain.recovery import Canary
from runbook.domain.storage_rights import judge_rights
from runbook.domain.storage_settings import FilesPlace, S3Place, choose_storage_step, place_in
from runbook.remote.registry_admin_api import RegistryAdmin
from runbook.remote.registry_admin_types import S3StorageSettings
from runbook.remote.storage import S3Storage
from runbook.remote.storage_probe import is_network_mount, probe_bucket, probe_files
from runbook.remote.storage_volume import VolumeStorage
from runbook.remote.stored_blobs import LOOKED_AT, missing_blobs
from runbook.remote.waiting import wait_until
from tasks.policy import step

SEEN_WITHIN = 75.0
"""Seconds after which what was written to a share from one machine must be seen on another."""


@step("check storage")
def check_storage(cluster: ClusterConnection) -> tuple[Finding, ...]:
    """Return whether the storage can be listed."""
    try:
        empty = cluster.storage.is_empty()
    except RunbookError as error:
        return (from_error(error),)
    return (ok(cluster.storage.where, "is empty" if empty else "has objects"),)


@step("try the storage")
def try_storage(cluster: ClusterConnection) -> tuple[Finding, ...]:
    """Return whether the storage can be written, read and deleted from, before anything is installed onto it."""
    settings, storage = cluster.settings.storage.used, cluster.storage
    try:
        if isinstance(storage, S3Storage):
            own = isinstance(settings, S3Settings) and settings.access_key is not None
            return tuple(judge_rights(storage.where, probe_bucket(storage), own_keys=own))
        if isinstance(storage, VolumeStorage) and not storage.is_there():
            return (ok(storage.where, "there is no such volume yet: it is tried when an image was pushed"),)
        probe_files(storage)
        found = [ok(storage.where, "a file was written, read back and deleted")]
        if isinstance(settings, NfsSettings) and not is_network_mount(storage):
            next_step = f"mount {settings.url} there, or the runbooks look at another place than the registry"
            found = [Finding(Level.WARNING, storage.where, "it is no NFS mount", next_step)]
    except RunbookError as error:
        return (from_error(error),)
    return tuple(found)


@step("canary is in the storage")
def verify_stored(cluster: ClusterConnection, canary: Canary) -> None:
    """Return once the canary's blobs are seen in the storage that the cluster file names, every byte hashed."""
    with cluster.registry as registry:
        repository = canary.reference.rpartition(":")[0]
        blobs = registry.pull_image(f"{repository}@{canary.digest}").blobs

    def why_not() -> str | None:
        missing = missing_blobs(cluster.storage, blobs)
        if missing is None:
            what = "%s: it was not looked for the canary among more than %s objects"
            get_run_logger().warning(what, cluster.storage.where, LOOKED_AT)
        return f"{len(missing)} of the canary's {len(blobs)} blobs are not there" if missing else None

    where, next_step = (
        cluster.storage.where,
        (
            "the registry keeps images elsewhere: compare bucket, folder and endpoint (or share and path) of the"
            " cluster file with System > Storage in its UI"
        ),
    )
    if isinstance(cluster.storage, S3Storage):
        if reason := why_not():
            raise MismatchError(where, reason, next_step)
    else:
        wait_until(why_not, where=where, timeout=SEEN_WITHIN, next_step=next_step)
    get_run_logger().info("%s: the canary's %s blobs are there", where, len(blobs))


@step("plan storage settings")
def plan_storage(cluster: ClusterConnection) -> Step:
    """Return what `ensure_storage` would do."""
    place = cluster.settings.storage.used.place()
    if not cluster.observe().healthy:
        return Step(Action.CONFIGURE, str(place), "storage settings", NO_REPLICA)
    with cluster.admin as admin:
        return _choose(admin, place)


def _choose(admin: RegistryAdmin, wanted: S3Place | FilesPlace) -> Step:
    seen = place_in(admin.storage_settings())
    decision = choose_storage_step(seen, wanted, repositories=len(admin.repositories()))
    get_run_logger().info("%s", decision)
    return decision


@step("storage settings")
def ensure_storage(cluster: ClusterConnection) -> Step:
    """Leave the registry keeping images where the cluster file says; refuse where that would lose tags."""
    settings = cluster.settings.storage.used
    wanted = settings.place()
    with cluster.admin as admin:
        decision = _choose(admin, wanted)
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
