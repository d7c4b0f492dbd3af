"""One look at a node over SSH."""

import json
import re
import time

from runbook.domain.errors import UnreachableError
from runbook.domain.node_facts import NodeFacts
from runbook.remote.ssh import SshConnection

_OURS = re.compile(r"^(dtr-|ucp-|ucp$|k8s_|calico|msr-|mke-)")
_PROGRAM = """
image=$1
docker info --format '{{json .}}' || exit 1
df --output=avail -B1 "$(docker info --format '{{.DockerRootDir}}')" | tail -n 1
docker image inspect "$image" >/dev/null 2>&1 && echo present || echo absent
docker ps --format '{{.Names}}'
"""


def probe_node(connection: SshConnection, image: str) -> NodeFacts:
    """Return the node's facts. Raises UnreachableError when its engine does not answer."""
    name = connection.target.name
    before = time.time()
    clock = connection.run(["date", "+%s.%N"])
    now = (before + time.time()) / 2
    done = connection.run(["sh", "-c", _PROGRAM, "probe", image])
    if done.status:
        said = done.stderr.decode(errors="replace").strip() or f"docker info ended with {done.status}"
        raise UnreachableError(name, said, f"start the engine on {name}")
    info, free, present, *containers = done.stdout.decode(errors="replace").splitlines()
    facts = json.loads(info)
    return NodeFacts(
        engine_version=facts["ServerVersion"],
        swarm_name=facts["Name"],
        clock_skew=float(clock.stdout) - now,
        free_bytes=int(free),
        image_present=present == "present",
        workloads=tuple(c for c in containers if not _OURS.match(c)),
    )
