"""One look at a node over SSH: one command, one round trip."""

import re
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from runbook.domain.errors import UnreachableError
from runbook.domain.node_facts import ContainerFacts, NodeFacts
from runbook.remote.ssh import SshConnection

_PUBLISHED = re.compile(r":(\d+)(?:-(\d+))?->")
_USERS = re.compile(r'users:\(\("([^"]*)"')
_LISTENS = "0A"
_NO_VALUE = "<no value>"
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
  said=$(DOCKER_CLI_EXPERIMENTAL=enabled timeout 5 docker manifest inspect "$image" 2>&1 >/dev/null) && echo pullable ||
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
ss -ltnp 2>/dev/null || cat /proc/net/tcp /proc/net/tcp6 2>/dev/null
say clock; date +%s.%N
"""

Sections = Mapping[str, Sequence[str]]


def probe_node(connection: SshConnection, image: str, *, ask_pull: bool = False) -> NodeFacts:
    """Return the node's facts. Raises UnreachableError when its engine does not answer.

    Asked to, it tells of an image that is not there whether the node could pull it, which may take seconds.
    """
    name = connection.target.name
    before = time.time()
    done = connection.run(["sh", "-c", _PROGRAM, "probe", image, "yes" if ask_pull else ""])
    now = (before + time.time()) / 2
    seen = _sections(done.stdout.decode(errors="replace"))
    info = seen.get("info", ())
    if done.status or not info or not info[0]:
        said = done.stderr.decode(errors="replace").strip() or f"docker info ended with {done.status}"
        raise UnreachableError(name, said, f"start the engine on {name}")
    begun, ended = (float(line) for line in seen["clock"])
    state, _, more = (seen["image"] or ("absent",))[0].partition(" ")
    return NodeFacts(
        engine_version=info[0],
        swarm_name=info[1],
        clock_skew=(begun + ended) / 2 - now,
        free_bytes=int(seen["free"][0]),
        image_present=state == "present",
        containers=tuple(_containers(seen["containers"])),
        listeners=dict(_listeners(seen["listeners"])),
        image_version=more if state == "present" and more != _NO_VALUE else "",
        address=info[3] if len(info) > len(("engine", "name", "root")) else "",
        why_not_pullable=more.strip() if state == "not-pullable" else None,
        storage_mounts=_mounts(seen["storage"], seen["volumes"]),
    )


def _sections(text: str) -> Sections:
    """Return the lines of each part of the answer; a part that comes twice is one."""
    parts: dict[str, list[str]] = defaultdict(list)
    title = ""
    for line in text.splitlines():
        if line.startswith("== "):
            title = line.removeprefix("== ")
            parts[title] = parts[title]
        elif line.strip():
            parts[title].append(line.rstrip())
    return parts


def _containers(lines: Sequence[str]) -> Iterator[ContainerFacts]:
    for line in lines:
        name, status, version, ports = (*line.split("\t"), "", "", "")[:4]
        yield ContainerFacts(name, status.startswith("Up"), version, tuple(sorted(set(_published(ports)))))


def _published(ports: str) -> Iterator[int]:
    """Yield the node's ports in `0.0.0.0:443->443/tcp, :::8000-8001->8000-8001/tcp`."""
    for match in _PUBLISHED.finditer(ports):
        yield from range(int(match[1]), int(match[2] or match[1]) + 1)


def _listeners(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield port and program of each listener, from `ss`, or from the kernel's own table, which names no program."""
    for line in lines:
        fields = line.split()
        if fields[0] == "LISTEN":
            users = _USERS.search(line)
            yield int(fields[3].rpartition(":")[2]), users[1] if users else ""
        elif fields[0].rstrip(":").isdigit() and fields[3] == _LISTENS:
            yield int(fields[1].rpartition(":")[2], 16), ""


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
