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
_SOURCES = ("flows/**/*.py", "blocks/**/*.py", "deployments/**/*.py", "lab/demo/*", "prefect.yaml")


def ensure_registered() -> None:
    """Leave the server with this lab's RegistryCluster block and everything of prefect.yaml.

    Both are written again only if the cluster file or the code that they follow from has changed.
    """
    wanted = _fingerprint()
    if read_state().registered == wanted:
        return
    _run("block", [sys.executable, "-m", "flows", "blocks", "push", str(CLUSTER_FILE)])
    _run("deployments", [sys.executable, "-m", "deployments"])
    _run("deployments of the demo", [*_PREFECT, "deploy", "--all", "--prefect-file", "lab/demo/prefect.yaml"])
    remember(registered=wanted)


def forget_registration() -> None:
    """Leave the next `ensure_registered` nothing to rely on."""
    remember(registered=None)


def _fingerprint() -> str:
    digest = hashlib.sha256(CLUSTER_FILE.read_bytes())
    for path in sorted(p for pattern in _SOURCES for p in ROOT.glob(pattern) if p.is_file()):
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
