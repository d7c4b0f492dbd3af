"""Rows: the metadata stream from a node to S3, short and long, and the memory it needs."""

import shlex
from collections.abc import Iterator

from bench.endpoint import DISCARDING, Endpoint, endpoint
from bench.metadata_tar import Archive, write_archive
from bench.place import Place
from bench.programs import path_of
from bench.results import NO_SLOWER, Row, at_most
from bench.running import Took, run, run_ours, with_start
from bench.ssh_site import SshSite, ssh_site
from lab.progress import say
from runbook.domain.errors import MismatchError

_BUCKET = "metadata"
_LIMIT = 256.0
_SHORT_RUNS = 2


def measure(place: Place) -> Iterator[Row]:
    """Yield the rows of the short stream, then those of the long one."""
    with place.folder_for("metadata") as folder, ssh_site(folder / "ssh") as node:
        say("write the metadata archive")
        archive = write_archive(folder, place.sizes.body)
        yield from _rows(place, node, archive, 1, _SHORT_RUNS)
        yield from _rows(place, node, archive, place.sizes.long_stream, 1)


def _rows(place: Place, node: SshSite, archive: Archive, times: int, runs: int) -> Iterator[Row]:
    """Measure both sides in turn against an endpoint of their own; of several runs the best counts."""
    with endpoint(DISCARDING) as server:
        ours, theirs = [], []
        for _ in range(runs):
            ours.append(_ours(place, server, node, archive.sent_by(times)))
            theirs.append(_theirs(place, server, node, archive.sent_by(times)))
    name = f"metadata stream of {archive.size(times) / 1024**3:.1f} GiB over SSH to S3"
    best, best_theirs = (min(each, key=lambda took: took.seconds) for each in (ours, theirs))
    speed = archive.size(times) / 1024**2
    note = f"{speed / best.seconds:.0f} MiB/s and {speed / best_theirs.seconds:.0f} MiB/s; {with_start(best)}"
    yield Row(name, best.seconds, best_theirs.seconds, "s", NO_SLOWER, note)
    memory = max(took.said["memory"] for took in ours)
    yield Row("the same, memory of the whole process", memory, None, "MiB", at_most(_LIMIT, "MiB"))


def _ours(place: Place, server: Endpoint, node: SshSite, command: tuple[str, ...]) -> Took:
    key = (node.folder / "user").read_text()
    target = {"name": "node", "address": "127.0.0.1", "port": node.port, "user": node.user}
    target |= {"host_key": node.host_key, "private_key": key}
    asked = {"url": server.url, "bucket": _BUCKET, "node": target, "command": command}
    took = run_ours("metadata", asked | {"recipient": place.recipient})
    say(f"stream: {took.seconds:.1f} s, {took.said['memory']:.0f} MiB")
    if took.said["status"] != 0 or not took.said["whole"]:
        raise MismatchError("metadata stream", f"it saw {took.said}", "report this")
    return took


def _theirs(place: Place, server: Endpoint, node: SshSite, command: tuple[str, ...]) -> Took:
    aws, age, zstd, ssh = map(path_of, ("aws", "age", "zstd", "ssh"))
    pipe = (
        f"{ssh} -F {node.client_config} node {shlex.quote(shlex.join(command))}"
        f" | {zstd} | {age} -r {place.recipient} | {aws} --endpoint-url {server.url} s3 cp - s3://{_BUCKET}/pipe"
    )
    took = run(["bash", "-o", "pipefail", "-c", pipe], server.for_aws())
    say(f"shell pipe: {took.seconds:.1f} s")
    return took
