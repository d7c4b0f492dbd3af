"""Object lock in a bucket: what is there read back, extended, and the bucket's own setting looked at."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from botocore.exceptions import ClientError

from runbook.domain.errors import MismatchError, RefusedError, RunbookError
from runbook.domain.findings import Finding, Level, from_error, ok
from runbook.domain.object_lock import ObjectLock
from runbook.remote.s3 import ForbiddenError, s3_errors
from runbook.remote.vault import NotThereError, Vault
from runbook.remote.vault_s3 import S3Vault

if TYPE_CHECKING:
    from mypy_boto3_s3.literals import ObjectLockRetentionModeType

_NO_CONFIGURATION = "ObjectLockConfigurationNotFoundError"
_NEW_BUCKET = (
    "name a bucket that was made with object lock (s3api create-bucket --object-lock-enabled-for-bucket)"
)
_NEVER = datetime.min.replace(tzinfo=UTC)


class Locked(NamedTuple):
    """How an object is locked; `until` is long ago where it is not."""

    mode: str
    until: datetime


def locked(vault: S3Vault, key: str) -> Locked:
    """Return how the object is locked, or raise MismatchError where it is not there."""
    try:
        with s3_errors(_where(vault, key)):
            seen = vault.client.head_object(Bucket=vault.bucket, Key=vault.full_key(key))
    except NotThereError as exc:
        raise MismatchError(exc.where, "it is not in the vault any more", "run the backup again") from exc
    return Locked(seen.get("ObjectLockMode", ""), seen.get("ObjectLockRetainUntilDate", _NEVER))


def extend(vault: S3Vault, key: str, lock: ObjectLock, until: datetime) -> None:
    """Leave the object locked until then; one that is locked in the stricter mode keeps that mode."""
    try:
        retain(vault, key, lock.mode.upper(), until)
    except ForbiddenError:
        mode = locked(vault, key).mode
        if mode in {"", lock.mode.upper()}:
            raise
        retain(vault, key, mode, until)


def retain(vault: S3Vault, key: str, mode: str, until: datetime, *, bypass: bool = False) -> None:
    """Leave the object locked so; to `bypass` its lock, so that it ends earlier, is a right of its own."""
    options: dict[str, Any] = {"BypassGovernanceRetention": True} if bypass else {}
    with s3_errors(_where(vault, key)):
        vault.client.put_object_retention(
            Bucket=vault.bucket,
            Key=vault.full_key(key),
            Retention={"Mode": cast("ObjectLockRetentionModeType", mode), "RetainUntilDate": until},
            **options,
        )


def require_locked(vault: S3Vault, key: str, until: datetime) -> datetime:
    """Return until when the object is locked; MismatchError where that is before `until`."""
    seen = locked(vault, key)
    if seen.until >= until:
        return seen.until
    is_so = f"is locked until {seen.until:%Y-%m-%d %H:%M:%S} UTC" if seen.mode else "is not locked"
    raise MismatchError(
        _where(vault, key),
        f"it {is_so}, and {until:%Y-%m-%d %H:%M:%S} UTC was asked",
        "see that the writer has s3:PutObjectRetention and s3:GetObjectRetention and who else may change locks, "
        "then run the backup again",
    )


def require_lockable(vault: Vault) -> None:
    """Return unless it is known that the bucket cannot take the locks that are configured."""
    for found in check_lock(vault):
        if found.next_step == _NEW_BUCKET:
            raise RefusedError(found.where, found.what, found.next_step)


def check_lock(vault: Vault) -> tuple[Finding, ...]:
    """Return whether the bucket takes the locks that are configured; nothing where none are."""
    lock = vault.options.lock if isinstance(vault, S3Vault) else None
    if lock is None or not isinstance(vault, S3Vault):
        return ()
    try:
        problem = _why_not_lockable(vault)
    except ForbiddenError as exc:
        next_step = (
            "give the vault's credentials s3:GetBucketObjectLockConfiguration and s3:GetBucketVersioning"
        )
        return (
            Finding(
                Level.WARNING, vault.where, f"its object lock cannot be looked at: {exc.what}", next_step
            ),
        )
    except RunbookError as error:
        return (from_error(error, Level.WARNING),)
    if problem:
        return (Finding(Level.WARNING, vault.where, f"no point can be locked: {problem}", _NEW_BUCKET),)
    return (ok(vault.where, f"points are locked for {lock.days} days ({lock.mode})"),)


def _why_not_lockable(vault: S3Vault) -> str | None:
    with s3_errors(vault.where):
        try:
            answer = vault.client.get_object_lock_configuration(Bucket=vault.bucket)
        except ClientError as exc:
            if exc.response.get("Error", {}).get("Code") != _NO_CONFIGURATION:
                raise
            return "its bucket has no object lock"
        if answer["ObjectLockConfiguration"].get("ObjectLockEnabled") != "Enabled":
            return "its bucket has no object lock"
        versioning = vault.client.get_bucket_versioning(Bucket=vault.bucket).get("Status")
    return None if versioning == "Enabled" else "its bucket keeps no versions"


def _where(vault: S3Vault, key: str) -> str:
    return f"{vault.where}/{key}"
