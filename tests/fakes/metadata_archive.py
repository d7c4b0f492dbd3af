"""Metadata archives as the bootstrapper writes them."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from typing import Any

TABLES = (
    "client_tokens", "poll_mirroring_policies", "promotion_policies", "content_caches", "webhooks", "tags",
    "events", "manifests", "scanned_layers", "layer_vuln_overrides", "changefeed", "scanned_images",
    "blob_links", "namespace_team_access", "tuf_files", "properties", "helm_charts", "pruning_policies",
    "repository_team_access", "push_mirroring_policies", "repositories", "user_settings", "metrics",
    "blobs", "crons", "private_keys",
)  # fmt: skip

Row = Mapping[str, Any]


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def rows_of_image(repository: str, tag: str, config: bytes, layers: Sequence[bytes]) -> dict[str, list[Row]]:
    """Return the rows that one pushed image leaves in the tables."""
    blobs = [config, *layers]
    text = json.dumps([digest_of(blob) for blob in blobs]).encode()
    digest = digest_of(text)
    return {
        "tags": [{"pk": f"{repository}:{tag}", "repository": repository, "name": tag, "digest": digest}],
        "manifests": [
            {
                "pk": f"{repository}@{digest}",
                "digest": digest,
                "repository": repository,
                "configDigest": digest_of(config),
                "layers": [{"digest": digest_of(layer), "size": len(layer)} for layer in layers],
            }
        ],
        "blobs": [{"sha256sum": digest_of(blob), "id": "", "size": len(blob)} for blob in blobs],
    }


def merged(*parts: Mapping[str, Sequence[Row]]) -> dict[str, list[Row]]:
    tables: dict[str, list[Row]] = {}
    for part in parts:
        for table, rows in part.items():
            tables.setdefault(table, []).extend(rows)
    return tables


def archive(
    rows: Mapping[str, Sequence[Row]] | None = None,
    *,
    version: str = "2.9.29",
    tables: Sequence[str] = TABLES,
    tar_format: int = tarfile.GNU_FORMAT,
) -> bytes:
    """Return a whole archive; `properties` has a row unless `rows` gives the table."""
    given: dict[str, Sequence[Row]] = {
        "properties": [{"key": "dtrHost", "value": "registry"}],
        **(rows or {}),
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tar_format) as tar:
        root = f"dtr-backup-v{version}-online"
        for folder in (root, f"{root}/rethink"):
            _add_folder(tar, folder)
        for table in tables:
            _add_folder(tar, f"{root}/rethink/{table}")
            for number, row in enumerate(given.get(table, ())):
                _add_file(tar, f"{root}/rethink/{table}/{number}", json.dumps(row).encode())
    return buffer.getvalue()


def _add_folder(tar: tarfile.TarFile, name: str) -> None:
    member = tarfile.TarInfo(name)
    member.type, member.mode = tarfile.DIRTYPE, 0o700
    tar.addfile(member)


def _add_file(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o600
    tar.addfile(member, io.BytesIO(data))
