"""A backup in a process of its own, which is killed at a chosen place and has no time to say good-bye."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from prefect.logging import disable_run_logger
from pydantic import SecretStr

from runbook.remote.s3 import S3Settings, connect
from runbook.remote.s3_upload import PartPlan
from runbook.remote.storage import S3Storage
from runbook.remote.vault_file import FileVault
from runbook.remote.vault_s3 import S3Vault
from tests.fakes.folder_storage import FolderStorage
from tests.fakes.small_registry import SmallCluster
from tests.fakes.step_run import back_up

_FORKS = multiprocessing.get_context(
    "forkserver"
)  # from a process without threads that has all of this imported
_FORKS.set_forkserver_preload([__name__])


@dataclass(frozen=True)
class Scene:
    """Where cluster and vault are; both outlive every process. With `s3` they are buckets, else folders."""

    storage: str
    vault: str
    folder: Path
    keys: tuple[SecretStr, str]
    s3: S3Settings | None = None
    ballast: str = ""

    def cluster(self, watch: Callable[[str], None] = lambda _: None) -> SmallCluster:
        """Return the cluster as a process of its own sees it; `watch` is told each change before it is made."""
        if self.s3 is None:
            vault: FileVault | S3Vault = _WatchedVault(Path(self.vault), watch)
            storage: FolderStorage | S3Storage = FolderStorage(Path(self.storage))
        else:
            vault, storage = self._bucket(watch), S3Storage(connect(self.s3), self.storage)
        cluster = SmallCluster(self.folder, storage, vault, self.keys, self.ballast)
        cluster.small.on_change = lambda: watch("registry")
        return cluster

    def _bucket(self, watch: Callable[[str], None]) -> S3Vault:
        assert self.s3
        vault = S3Vault(connect(self.s3), self.vault)
        vault._plan = PartPlan(first_size=64 * 1024, in_flight=64 * 1024)

        def tell(request: Any, **_: Any) -> None:
            watch("part 2" if "partNumber=2" in request.url else "bucket")

        vault.client.meta.events.register("before-send.s3", tell)
        return vault


class _WatchedVault(FileVault):
    """A folder whose every change is told before it is made."""

    def __init__(self, root: Path, watch: Callable[[str], None]) -> None:
        super().__init__(root)
        self._watch = watch

    def _commit(self, temporary: Path, file: BinaryIO, key: str, *, only_if_absent: bool) -> None:
        self._watch(key)
        super()._commit(temporary, file, key, only_if_absent=only_if_absent)

    def delete(self, key: str) -> None:
        self._watch(key)
        super().delete(key)


def killed_at(scene: Scene, place: str | int) -> bool:
    """Run a backup that is killed `before STEP` or `after STEP`, or before its n-th change, or before `part 2`.

    False if it ended well, since it never came there.
    """
    process = _FORKS.Process(target=_die_at, args=(scene, place))
    process.start()
    process.join()
    assert process.exitcode in {0, -signal.SIGKILL}, process.exitcode
    return process.exitcode != 0


def _die_at(scene: Scene, place: str | int) -> None:
    os.environ["PREFECT__FLOW_RUN_ID"] = str(uuid4())
    changes: list[str] = []

    def watch(change: str) -> None:
        changes.append(change)
        _die_if(place in {change, len(changes)})

    with disable_run_logger():
        back_up(
            scene.cluster(watch),
            before=lambda step: _die_if(place == f"before {step}"),
            after=lambda step: _die_if(place == f"after {step}"),
        )


def _die_if(now: bool) -> None:
    if now:
        os.kill(os.getpid(), signal.SIGKILL)
