"""A recovery point as plain files: what they are called, and the page that explains them."""

import re
import shlex
from collections.abc import Mapping
from typing import Any

from runbook.domain.commands import ControlPlaneFlags, RestoreSpec, make_restore_command
from runbook.domain.errors import RefusedError
from runbook.domain.recovery import INDEX, METADATA, SIDECAR, Manifest
from runbook.domain.versions import parse_version

README = "README.txt"
MARKER = "export.json"
IMAGES = "images"
TAR = "metadata.tar"
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_TAKEN = {README.lower(), IMAGES, TAR, "sidecar.json", MARKER}


def plain_name(name: str) -> str:
    """Return what a part is called when it is opened; RefusedError where it would take another's name."""
    if name in {METADATA, SIDECAR}:
        return {METADATA: TAR, SIDECAR: "sidecar.json"}[name]
    plain = name.removesuffix(".age").removesuffix(".zst")
    if not _PLAIN_NAME.fullmatch(plain) or plain.lower() in _TAKEN:
        raise RefusedError(
            "manifest",
            f"it names a part {name!r}, which cannot be a file of an export",
            "choose another point",
        )
    return plain


def parts_to_export(manifest: Manifest) -> dict[str, str]:
    """Return the plain name of each part that becomes a file, the vendor's tar first; the index becomes a tree."""
    names = sorted(manifest.objects, key=lambda name: (name != METADATA, name))
    return {name: plain_name(name) for name in names if name != INDEX}


def readme(manifest: Manifest, sidecar: Mapping[str, Any], others: tuple[str, ...]) -> str:
    """Return the page that lies beside the files; `others` are what the point holds beside."""
    rest = "".join(
        f"{name}\n    {_KNOWN.get(name, 'another part of the point, opened')}\n\n" for name in others
    )
    return f"""\
Recovery point {manifest.id} of the registry {manifest.cluster}, as plain files.
NOT ENCRYPTED: metadata.tar holds the registry's private keys. Delete this folder when it has served.

metadata.tar
    what the vendor's `backup` wrote, byte for byte: settings, tags, manifests, permissions, certificates
    version {manifest.registry_version}, replica {manifest.replica_id}
    sha256 {manifest.objects[METADATA].plain_sha256}

images/
    the registry's storage as it was, {manifest.images.objects} files: blobs, and the links that name them.
    Uploads that were under way are left out.

sidecar.json
    node, version, storage settings, nodes and the load balancer's configuration of that time

{rest}export.json
    which point this is; the export can be begun again and finishes what is missing


Back into a registry, without this project
------------------------------------------

1. Images first. Below the root directory that the storage settings name ("storage" in sidecar.json):

     rclone copy images/ REMOTE:BUCKET/ROOT_DIRECTORY

   or, for a storage that is a folder, beside what is there; then give the files the owner that the others have:

     cp -r --no-preserve=mode images/. FOLDER/

2. Then the metadata, with the SAME version, on a node of the SAME control plane (or one restored from its own
   backup: users and teams are there), after every old replica was destroyed. Correct what stands in CAPITALS:

     read -rs UCP_PASSWORD && export UCP_PASSWORD
     {_restore_command(manifest, sidecar)} \\
       < metadata.tar

3. Then `join` the other replicas.
"""


def _restore_command(manifest: Manifest, sidecar: Mapping[str, Any]) -> str:
    registry = sidecar.get("registry")
    known = registry if isinstance(registry, Mapping) else {}
    image = str(known.get("image") or "IMAGE")
    url = str(known.get("external_url") or "EXTERNAL_URL")
    spec = RestoreSpec(manifest.replica_id, str(sidecar.get("node") or "NODE"), url)
    access = ControlPlaneFlags("CONTROL_PLANE_URL", "ADMIN", "CA_PEM")
    arguments = make_restore_command(access, spec, parse_version(manifest.registry_version))
    line = shlex.join([f"{image}:{manifest.registry_version}", *arguments])
    return f"docker run -i --rm --env UCP_PASSWORD {line}".replace("CA_PEM", '"$(cat CA.PEM)"')


_KNOWN = {"control-plane.tar": "the backup of UCP / MKE with users and teams: restore it before the registry"}
