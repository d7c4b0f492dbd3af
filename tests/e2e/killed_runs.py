"""Runs that die after each of their steps, until one is left that ends by itself."""

import json
import re
import signal
from dataclasses import dataclass, replace
from pathlib import Path

from runbook.domain.locks import LockRecord
from runbook.remote.locks import lock_key
from runbook.remote.vault import NotThereError
from tests.e2e.killed_run import LAST_WORDS
from tests.e2e.runs import Ended, end, start
from tests.e2e.world import World, look
from tests.lab_cluster import LabCluster

_LAST_WORDS = re.compile(rf"^{LAST_WORDS}(?P<step>.+)$", re.MULTILINE)
_ENOUGH = 25


@dataclass(frozen=True)
class Finished:
    """The steps after which a run was killed, in order, the run that ended, and the world behind it."""

    killed_after: tuple[str, ...]
    ended: Ended
    world: World


def finish_despite_kills(
    cluster: LabCluster, *arguments: str, spared: tuple[str, ...] = (), file: Path | None = None
) -> Finished:
    """Start a runbook again and again, each time killed after a step it was not killed after before, until it ends.

    It is not killed after those that are `spared`. A `file` is used in place of the lab's.
    """
    seen: list[str] = []
    while len(seen) < _ENOUGH:
        command = (json.dumps([*spared, *seen]), *arguments, "--cluster", str(file or cluster.file))
        ended = end(start(*command, module="tests.e2e.killed_run"))
        if ended.status != -signal.SIGKILL:
            assert ended.status == 0, (seen, ended.stderr)
            return Finished(tuple(seen), ended, look(cluster))
        last = _LAST_WORDS.search(ended.stderr)
        assert last, ended.stderr
        seen.append(last["step"])
        _a_minute_passes(cluster)
    raise AssertionError(f"it was killed after {len(seen)} different steps and never ended: {seen}")


def _a_minute_passes(cluster: LabCluster) -> None:
    """Leave the lock of a run that is dead as its lease leaves it when it ends."""
    connection = cluster.connect()
    key = lock_key(connection.name)
    try:
        record = LockRecord.from_json(connection.vault.get_bytes(key))
        connection.vault.put_bytes(key, replace(record, until=record.since).to_json())
    except NotThereError:
        """It died after it had given the lock back."""
    finally:
        connection.close()
