"""One object written to a storage, read back and deleted: what its settings are good for, before they are used."""

from collections.abc import Callable

from runbook.domain.errors import MismatchError, RefusedError, RunbookError
from runbook.domain.storage_rights import StorageRight
from runbook.remote.s3 import ForbiddenError, s3_errors
from runbook.remote.storage import S3Storage
from runbook.remote.storage_tree import TreeStorage
from runbook.remote.tree_listing import PROBED_WITHIN, probe_limit

NAME = ".runbook-probe"
_DATA = b"can this storage be written?"
_IN_FILES = """
set -eu; umask 077; file=$1/$2
[ -d "$1" ] || { echo "there is no such folder" >&2; exit 1; }
trap 'rm -f "$file"' EXIT
printf %s "$3" >"$file"; [ "$(cat "$file")" = "$3" ] || { echo "it reads back as something else" >&2; exit 1; }
"""


def probe_bucket(storage: S3Storage) -> dict[StorageRight, bool]:
    """Return which rights the keys have; MismatchError where an object reads back as something else."""
    client, bucket, key = storage.client, storage.bucket, storage.full_key(NAME)
    seen = {}

    def able(right: StorageRight, act: Callable[[], object]) -> None:
        try:
            with s3_errors(f"s3://{bucket}/{key}"):
                act()
        except ForbiddenError:
            seen[right] = False
        else:
            seen[right] = True

    def written() -> None:
        client.put_object(Bucket=bucket, Key=key, Body=_DATA)

    def read() -> None:
        if client.get_object(Bucket=bucket, Key=key)["Body"].read() != _DATA:
            raise MismatchError(
                storage.where, "an object reads back as something else", "see which bucket it is"
            )

    able(StorageRight.LIST, lambda: client.list_objects_v2(Bucket=bucket, Prefix=storage.root, MaxKeys=1))
    able(StorageRight.PUT, written)
    if seen[StorageRight.PUT]:
        able(StorageRight.GET, read)
        able(StorageRight.DELETE, lambda: client.delete_object(Bucket=bucket, Key=key))
    return seen | _of_the_bucket(storage)


def _of_the_bucket(storage: S3Storage) -> dict[StorageRight, bool]:
    """Return the rights that an S3-compatible store may not know: what it answers otherwise is no refusal."""
    client, bucket = storage.client, storage.bucket
    calls: dict[StorageRight, Callable[[], object]] = {
        StorageRight.LIST_BUCKETS: client.list_buckets,
        StorageRight.LOCATION: lambda: client.get_bucket_location(Bucket=bucket),
        StorageRight.UPLOADS: lambda: client.list_multipart_uploads(Bucket=bucket, MaxUploads=1),
    }
    seen = {}
    for right, call in calls.items():
        try:
            with s3_errors(storage.where):
                call()
            seen[right] = True
        except ForbiddenError:
            seen[right] = False
        except RunbookError:
            continue
    return seen


def probe_files(storage: TreeStorage, within: float = PROBED_WITHIN) -> None:
    """Return once a file was written, read back and deleted there; RefusedError where it cannot be."""
    argv = ("sh", "-c", _IN_FILES, "probe", storage.root, NAME, _DATA.decode())
    status, said = _run(storage, argv, within)
    if status:
        what = f"a file cannot be written there: {said or f'status {status}'}"
        raise RefusedError(storage.where, what, "see that it is mounted, writable for root and not full")


def is_network_mount(storage: TreeStorage) -> bool:
    """Tell whether the storage's folder lies on a share."""
    argv = ("sh", "-c", 'stat -f -c %T "$1" | grep -q ^nfs', "probe", storage.root)
    status, _ = _run(storage, argv, PROBED_WITHIN)
    return status == 0


def _run(storage: TreeStorage, argv: tuple[str, ...], within: float) -> tuple[int, str]:
    said: list[str] = []
    with (
        storage.machine.start(argv, on_stderr=said.append) as command,
        probe_limit(storage.where, within).over(command),
    ):
        command.close_stdin()
        status = command.wait()
    return status, " ".join(said)
