"""The cluster file of the lab: what a runbook needs to know, in the form every cluster has."""

from pathlib import Path
from typing import Any

import yaml

from lab.identity import ADMIN, age_recipient
from lab.paths import CLUSTER_FILE
from lab.ssh_keys import USER_KEY, host_key
from lab.storage import REGION, STORAGE_BUCKET, VAULT_BUCKET
from lab.topology import BALANCER, OVERLAY_SUBNET, REGISTRY_VERSION, Machine, Topology


def write_cluster_file(topology: Topology, path: Path = CLUSTER_FILE) -> None:
    """Leave the lab's cluster file; its relative paths are relative to it."""
    text = yaml.safe_dump(cluster_of(topology), sort_keys=False, width=200)
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def cluster_of(topology: Topology) -> dict[str, Any]:
    """Return the cluster file's content."""
    return {
        "name": "lab",
        "registry": {
            "image": "lab/dtr",
            "version": REGISTRY_VERSION,
            "external_url": topology.external_url,
            "overlay_subnet": OVERLAY_SUBNET,
        },
        "control_plane": {
            "url": topology.control_plane_url,
            "user": ADMIN,
            "password": "file:secrets/control-plane-password",
            "ca_file": "pki/ca.pem",
            "backup": {"image": "lab/ucp"},
        },
        "ssh": {"user": "root", "key": f"file:ssh/{USER_KEY}"},
        "nodes": [_place(topology, node) | {"role": str(node.role)} for node in topology.nodes],
        "transport": "ssh",
        "replicas": 3,
        "storage": {"s3": {"bucket": STORAGE_BUCKET, **_s3(topology, "storage")}},
        # its first configuration is the lab's own, written by hand
        "load_balancer": {"haproxy": _place(topology, BALANCER) | {"take_over": True}},
        "vault": {
            "url": f"s3://{VAULT_BUCKET}",
            **_s3(topology, "vault"),
            "recipients": [age_recipient()],
            "identity": "file:secrets/age-identity",
        },
        "targets": {"rto_minutes": 30, "rpo_minutes": 1440},
    }


def _place(topology: Topology, machine: Machine) -> dict[str, str]:
    return {"name": machine.name, "address": topology.address(machine), "host_key": host_key(machine)}


def _s3(topology: Topology, account: str) -> dict[str, str]:
    return {
        "region": REGION,
        "endpoint": topology.storage_url,
        "access_key": f"file:secrets/{account}-access-key",
        "secret_key": f"file:secrets/{account}-secret-key",
    }
