"""Archives as the control plane's backup writes them."""

import io
import tarfile
from collections.abc import Mapping

KEY = "./ucp-controller-server-certs/key.pem"
SEEN: Mapping[str, bytes | None] = {
    **{f"./ucp-component-{number}.json": b"{}" for number in range(15)},
    "./ucp-backup": None,
    "./ucp-backup/1764000000000": None,
    "./ucp-backup/1764000000000/auth-store.tar.gz": b"accounts",
    "./ucp-backup/1764000000000/etcd.backup.db": b"settings",
    "./ucp-client-root-ca": None,
    "./ucp-cluster-root-ca": None,
    "./ucp-controller-server-certs": None,
    "./ucp-controller-server-certs/ca.pem": b"ca",
    "./ucp-controller-server-certs/cert.pem": b"cert",
    "./ucp-controller-server-certs/client_ca.pem": b"client ca",
    KEY: b"key",
    "./ucp-swarm.json": b"{}",
}
"""As many entries as were seen in one of a control plane without users: 27, None for a folder."""


def control_plane_archive(entries: Mapping[str, bytes | None] = SEEN) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path, content in entries.items():
            member = tarfile.TarInfo(path)
            if content is None:
                member.type = tarfile.DIRTYPE
            else:
                member.size = len(content)
            tar.addfile(member, io.BytesIO(content or b""))
    return buffer.getvalue()


def without(path: str) -> dict[str, bytes | None]:
    return {name: content for name, content in SEEN.items() if name != path}
