"""Tells the lab's Prefect server what there is: the cluster's block and the deployments."""

import hashlib
import subprocess
import sys

from lab.paths import CLUSTER_FILE, ROOT
from lab.prefect_services import environment
from lab.progress import say
from lab.state import read_state, remember
from runbook.domain.errors import NotReadyError

_PREFECT = [sys.executable, "-m", "prefect", "--no-prompt"]
_BLOCK_SOURCES = ("blocks/**/*.py", str(CLUSTER_FILE.relative_to(ROOT)))
_SOURCES = ("flows/**/*.py", "blocks/**/*.py", "deployments/**/*.py", "lab/demo/*", "prefect.yaml")


def ensure_registered() -> None:
    """Leave the server with this lab's RegistryCluster block and everything of prefect.yaml.

    Each is written again only if what it follows from has changed: the cluster file, or code.
    """
    state, block, deployments = read_state(), _fingerprint(_BLOCK_SOURCES), _fingerprint(_SOURCES)
    if state.registered_block != block:
        _run("block", [sys.executable, "-m", "flows", "blocks", "push", str(CLUSTER_FILE)])
        remember(registered_block=block)
    if state.registered != deployments:
        _run("deployments", [sys.executable, "-m", "deployments"])
        demo = [*_PREFECT, "deploy", "--all", "--prefect-file", "lab/demo/prefect.yaml"]
        _run("deployments of the demo", demo)
        remember(registered=deployments)


def forget_registration() -> None:
    """Leave the next `ensure_registered` nothing to rely on."""
    remember(registered=None, registered_block=None)


def _fingerprint(patterns: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for path in sorted(p for pattern in patterns for p in ROOT.glob(pattern) if p.is_file()):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _run(what: str, command: list[str]) -> None:
    say(f"Prefect {what}: write")
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise NotReadyError(
            f"Prefect {what}", said.splitlines()[-1] if said else "failed", "run: runbook lab up"
        )
