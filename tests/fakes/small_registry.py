"""A registry whose schedules and tags are in a file and whose blobs are in its storage: it outlives any process."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import SecretStr

from runbook.domain.commands import BackupSpec
from runbook.domain.holds import Cron, Crons
from runbook.remote.registry_images import Image, build_image, digest_of
from runbook.remote.vault import Vault
from tests.fakes.cluster_connection import FakeArchive, FakeCluster
from tests.fakes.clusters import alive
from tests.fakes.metadata_archive import archive, merged
from tests.fakes.scheduler import GC, LICENCE, SATURDAY
from tests.fakes.stored_images import blob_path

FIRST_IMAGE = build_image([b"one" * 100, b"two" * 100], labels={"for": "tests"})
FIRST = {"crons": {GC: SATURDAY, "license_update": LICENCE}, "tags": {}, "rows": {}}


class SmallRegistry:
    """Its administration API, its pushes, and the metadata that a backup of it holds."""

    def __init__(self, file: Path, storage: Any, ballast: str = "") -> None:
        self._file, self._storage, self._ballast = file, storage, ballast
        self.on_change: Callable[[], None] = lambda: None
        if not file.exists():
            self._write(FIRST)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """There is no connection to close."""

    def crons(self) -> Crons:
        found: Crons = self._read()["crons"]
        return found

    def set_cron(self, cron: Cron) -> None:
        self._change(crons={**self.crons(), cron["action"]: cron})

    def delete_cron(self, action: str) -> None:
        self._change(crons={name: cron for name, cron in self.crons().items() if name != action})

    def running_jobs(self) -> tuple[str, ...]:
        return ()

    def create_repository(self, namespace: str, name: str, *, visibility: str) -> bool:
        return True

    def push_image(self, reference: str, image: Image) -> str:
        for data in image.blobs.values():
            self._storage.put_bytes(blob_path(data), data)
        repository, _, tag = reference.rpartition(":")
        state = self._read()
        tags = {**state["tags"], reference: {"repository": repository, "name": tag, "digest": image.digest}}
        self._change(tags=tags, rows=merged(state["rows"], _rows(repository, image)))
        return image.digest

    @contextmanager
    def backup(self, _spec: BackupSpec) -> Iterator[FakeArchive]:
        state = self._read()
        tags = [{"pk": reference, **tag} for reference, tag in state["tags"].items()]
        rows = {**state["rows"], "tags": tags, "events": [{"text": self._ballast}]}
        yield FakeArchive(archive(rows), None)

    def _read(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(self._file.read_text())
        return state

    def _change(self, **changes: Any) -> None:
        self.on_change()
        self._write({**self._read(), **changes})

    def _write(self, state: Any) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps(state))
        os.replace(new, self._file)


def _rows(repository: str, image: Image) -> dict[str, list[dict[str, Any]]]:
    manifest = json.loads(image.manifest)
    row = {
        "pk": f"{repository}@{image.digest}",
        "digest": image.digest,
        "repository": repository,
        "configDigest": manifest["config"]["digest"],
        "layers": [{"digest": layer["digest"], "size": layer["size"]} for layer in manifest["layers"]],
    }
    blobs = [{"sha256sum": digest_of(data), "id": "", "size": len(data)} for data in image.blobs.values()]
    return {"manifests": [row], "blobs": blobs}


class SmallCluster(FakeCluster):
    """One healthy replica of a small registry, with one image in it."""

    def __init__(
        self, folder: Path, storage: Any, vault: Vault, keys: tuple[SecretStr, str], ballast: str = ""
    ) -> None:
        super().__init__(folder, replicas=[alive(1)])
        self.small = SmallRegistry(folder / "registry.json", storage, ballast)
        self.storage = storage
        self.vault = vault  # type: ignore[assignment]
        self.bootstrapper = self.small  # type: ignore[assignment]
        self.identity, recipient = keys
        self.settings.vault.recipients = [recipient]

    def push_first_image(self) -> None:
        self.small.push_image("org/app:v1", FIRST_IMAGE)

    @property
    def admin(self) -> Any:
        return self.small

    @property
    def registry(self) -> Any:
        return self.small
