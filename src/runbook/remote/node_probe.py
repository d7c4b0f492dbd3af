"""One look at a node over SSH: one command, one round trip."""

import math
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from runbook.domain.errors import MismatchError, UnreachableError
from runbook.domain.node_facts import ContainerFacts, NodeFacts
from runbook.domain.taken_ports import listeners_in, published_in
from runbook.remote.ssh import SshConnection
from runbook.remote.taken_ports import LISTENERS

_NO_VALUE = "<no value>"
_PARTS = ("clock", "info", "free", "image", "containers", "listeners")  # of every whole answer
_SHOWN = 80
_PROGRAM = r"""
image=$1 pull=$2
label='com.docker.dtr.version'
say() { printf '\n== %s\n' "$1"; }
say clock; date +%s.%N
say info
each='{{println .ServerVersion}}{{println .Name}}{{println .DockerRootDir}}{{println .Swarm.NodeAddr}}'
info=$(docker info --format "$each") || exit 1
printf '%s\n' "$info"
say free
df --output=avail -B1 "$(printf '%s\n' "$info" | sed -n 3p)" | tail -n 1
say image
if docker image inspect --format "present {{index .Config.Labels \"$label\"}}" "$image" 2>/dev/null; then :
elif [ -n "$pull" ]; then
  said=$(DOCKER_CLI_EXPERIMENTAL=enabled timeout 5 docker manifest inspect "$pull" 2>&1 >/dev/null) && echo pullable ||
    echo "not-pullable $(printf %s "${said:-no answer in 5 s}" | tr '\n' ' ')"
fi
say containers
each="{{.Names}}	{{.Status}}	{{.Label \"$label\"}}	{{.Ports}}"
all=$(docker ps -a --no-trunc --format "$each") || exit 1
printf '%s\n' "$all"
keepers=$(printf '%s\n' "$all" | sed -n 's/^\(dtr-registry-[0-9a-f]\{12\}\)	.*/\1/p')
if [ -n "$keepers" ]; then
  say storage
  each='{{.Name}}{{range .Mounts}}{{if eq .Destination "/storage"}}	{{.Type}}	{{.Name}}	{{.Source}}{{end}}{{end}}'
  docker inspect --format "$each" $keepers
  say volumes
  volumes=$(docker volume ls -q --filter name=dtr-registry-)
  [ -z "$volumes" ] || docker volume inspect --format '{{.Name}}	{{json .Options}}' $volumes
fi
say listeners
LISTENERS
say clock; date +%s.%N
""".replace("LISTENERS", LISTENERS)

Sections = Mapping[str, Sequence[str]]


def probe_node(connection: SshConnection, image: str, *, pulled_as: str = "") -> NodeFacts:
    """Return the node's facts. Raises UnreachableError when its engine does not answer.

    Of an image that is not there it tells whether the node could pull it under the name it is `pulled_as`, where
    one is given; that may take seconds.
    """
    name = connection.target.name
    before = time.time()
    done = connection.run(["sh", "-c", _PROGRAM, "probe", image, pulled_as])
    now = (before + time.time()) / 2
    seen = sections_of(done.stdout.decode(errors="replace"))
    if done.status or not seen.get("info"):
        said = done.stderr.decode(errors="replace").strip() or f"docker info ended with {done.status}"
        raise UnreachableError(name, said, f"start the engine on {name}")
    return read_facts(name, seen, now)


def read_facts(name: str, seen: Sections, now: float) -> NodeFacts:
    """Return what the parts of an answer say; MismatchError names the part that is missing or not understood."""
    if missing := [part for part in _PARTS if part not in seen]:
        raise _odd(name, f"says nothing of {', '.join(missing)}")
    with _understood(name, "info", seen["info"]) as info:
        engine, swarm_name = info[0], info[1]
    with _understood(name, "free", seen["free"]) as free:
        free_bytes = int(free[0])
    with _understood(name, "clock", seen["clock"]) as clock:
        skew = _skew(clock, now)
    state, _, more = (seen["image"] or ("absent",))[0].partition(" ")
    return NodeFacts(
        engine_version=engine,
        swarm_name=swarm_name,
        clock_skew=skew,
        free_bytes=free_bytes,
        image_present=state == "present",
        containers=tuple(_containers(seen["containers"])),
        listeners=listeners_in(seen["listeners"]),
        image_version=more if state == "present" and more != _NO_VALUE else "",
        address=info[3] if len(info) > len(("engine", "name", "root")) else "",
        why_not_pullable=more.strip() if state == "not-pullable" else None,
        storage_mounts=_mounts(seen.get("storage", ()), seen.get("volumes", ())),
    )


@contextmanager
def _understood(name: str, part: str, lines: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the lines of a part; what is odd in them is a MismatchError that shows them."""
    try:
        yield lines
    except (ValueError, IndexError) as error:
        said = " ".join(lines)[:_SHOWN] or "nothing"
        raise _odd(name, f"says of {part} what is not understood: {said}") from error


def _odd(name: str, what: str) -> MismatchError:
    next_step = (
        f"see what `date`, `df` and `docker info` print on {name}, and its engine's log, then run again"
    )
    return MismatchError(name, f"its answer {what}", next_step)


def _skew(clock: Sequence[str], now: float) -> float:
    begun, ended = (float(line) for line in clock)
    skew = (begun + ended) / 2 - now
    if not math.isfinite(skew):
        raise ValueError("that is no time")
    return skew


def sections_of(text: str) -> Sections:
    """Return the lines of each part of the answer; a part that comes twice is one."""
    parts: dict[str, list[str]] = defaultdict(list)
    title = ""
    for line in text.splitlines():
        if line.startswith("== "):
            title = line.removeprefix("== ")
            parts[title] = parts[title]
        elif line.strip():
            parts[title].append(line.rstrip())
    return dict(parts)


def _containers(lines: Sequence[str]) -> Iterator[ContainerFacts]:
    for line in lines:
        name, status, version, ports = (*line.split("\t"), "", "", "")[:4]
        yield ContainerFacts(name, status.startswith("Up"), version, published_in(ports))


def _mounts(containers: Sequence[str], volumes: Sequence[str]) -> dict[str, str]:
    """Return by replica where its images are, without what names that replica itself."""
    options = dict(line.split("\t", 1) for line in volumes if "\t" in line)
    found = {}
    for line in containers:
        name, kind, volume, source = (*line.lstrip("/").split("\t"), "", "", "")[:4]
        if kind:
            replica = name.rpartition("-")[2]
            place = f"volume {volume} {options.get(volume, '')}" if kind == "volume" else source
            found[replica] = place.replace(replica, "ID").removesuffix(" null").strip()
    return found
