"""What a backup of the control plane holds (contract section 4), filled from this stand-in's own state."""

import io
import json
import tarfile
import time
from collections.abc import Iterator, Mapping
from typing import Any

from controlplane import VERSION

Files = Mapping[str, bytes]
_STANDS_IN = "a lab stand-in; everything runs in ucp-controller"
_COMPONENTS = (
    "agent", "auth-api", "auth-store", "auth-worker", "controller", "kube-apiserver",
    "kube-controller-manager", "kube-scheduler", "kubelet", "kv", "proxy",
)  # fmt: skip
_CERTIFICATES = {
    "ucp-client-root-ca": {"cert.pem": "client-ca.pem", "key.pem": "client-ca-key.pem"},
    "ucp-cluster-root-ca": {"cert.pem": "ca.pem"},  # its key never comes to a node of the lab
    "ucp-controller-server-certs": {
        "ca.pem": "ca.pem",
        "cert.pem": "ucp-cert.pem",
        "client_ca.pem": "client-ca.pem",
        "key.pem": "ucp-key.pem",
    },
    "ucp-node-certs": {
        "ca.pem": "ca.pem",
        "cert.pem": "engine-client-cert.pem",
        "key.pem": "engine-client-key.pem",
    },
}


def entries(state: Files, pki: Files, millis: int) -> Iterator[tuple[str, bytes | None]]:
    """Yield the path of each entry and its content, None for a folder."""
    for component in _COMPONENTS:
        yield f"./ucp-{component}.json", _json({"version": VERSION, "note": _STANDS_IN})
    yield "./ucp-backup", None
    yield f"./ucp-backup/{millis}", None
    yield f"./ucp-backup/{millis}/auth-store.tar.gz", auth_store(json.loads(state["state.json"]))
    yield f"./ucp-backup/{millis}/etcd.backup.db", state["ucp-config.toml"]
    for folder, files in _CERTIFICATES.items():
        yield f"./{folder}", None
        for name, source in files.items():
            yield f"./{folder}/{name}", pki[source]


def auth_store(state: Mapping[str, Any]) -> bytes:
    """Return the accounts and teams, with all that brings them back: identifiers and hashes of passwords."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for table in ("accounts", "teams"):
            _add(tar, f"enzi/{table}.json", _json(state.get(table, {})))
        _add(tar, "enzi/cluster.json", _json({"cluster_id": state["cluster_id"]}))
    return buffer.getvalue()


def packed(found: Iterator[tuple[str, bytes | None]]) -> bytes:
    """Return the entries as a tar that ends as a tar does."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path, content in found:
            _add(tar, path, content)
    return buffer.getvalue()


def _add(tar: tarfile.TarFile, path: str, content: bytes | None) -> None:
    info = tarfile.TarInfo(path)
    info.mtime = int(time.time())
    if content is None:
        info.type, info.mode = tarfile.DIRTYPE, 0o700
        tar.addfile(info)
    else:
        info.size, info.mode = len(content), 0o600
        tar.addfile(info, io.BytesIO(content))


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True).encode() + b"\n"
