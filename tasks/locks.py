"""One runbook at a time on a cluster."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import uuid4

from prefect.runtime import flow_run

from blocks.connection import ClusterConnection
from runbook.domain.locks import LEASE, LockRecord
from runbook.remote.locks import HeldLock, hold_lock


@contextmanager
def cluster_lock(cluster: ClusterConnection, purpose: str) -> Iterator[HeldLock]:
    """Hold the cluster for `purpose` inside the block; LockedError names who else holds it."""
    now = datetime.now(UTC)
    owner = flow_run.get_id() or str(uuid4())
    record = LockRecord(owner, purpose, socket.gethostname(), now, now + LEASE)
    with hold_lock(cluster.vault, cluster.name, record) as held:
        yield held
