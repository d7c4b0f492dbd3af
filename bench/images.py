"""Rows: the image snapshot from bucket to bucket on one endpoint, first pass and with nothing changed."""

import hashlib
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.endpoint import COUNTING, Endpoint, endpoint
from bench.place import Place
from bench.programs import path_of
from bench.results import FASTER, Row, times_less
from bench.running import Took, run, run_ours, with_start
from lab.progress import say
from runbook.domain.errors import MismatchError

_ROOT = "docker/registry/v2"
_TAGS, _LAYERS = 100, 50
PLAIN = ("sync",)
TUNED = ("sync", "--fast-list", "--checksum", "--transfers", "32")
_SOURCE = "source"
Counted = tuple[Took, int]


def measure(place: Place) -> Iterator[Row]:
    """Yield the rows; our first pass is taken before and after theirs of minutes, and the better one counts."""
    with endpoint(COUNTING) as server:
        _fill(server, place)
        before = _ours(server, place, "ours-before")
        plain, tuned = _theirs(server, "plain", PLAIN), _theirs(server, "tuned", TUNED)
        after = _ours(server, place, "ours-after")
        yield from _first(place, min(before, after, key=_seconds), {"plain": plain, "tuned": tuned})
        yield from _again(server, place)


def _first(place: Place, ours: Counted, theirs: dict[str, Counted]) -> Iterator[Row]:
    """Yield the time against the faster one of theirs, and the requests against each."""
    fastest = min(theirs, key=lambda name: _seconds(theirs[name]))
    seconds = ", ".join(f"{name} {_seconds(counted):.1f} s" for name, counted in theirs.items())
    title = f"image snapshot, first pass, {place.objects:,} objects"
    note = f"{with_start(ours[0])}; rclone sync: {seconds}; requests are counted at the endpoint"
    yield Row(
        f"{title}, against {fastest} rclone",
        _seconds(ours),
        _seconds(theirs[fastest]),
        "s",
        times_less(25),
        note,
    )
    for name, counted in theirs.items():
        title = f"the same, requests, against {name} rclone"
        yield Row(title, ours[1], counted[1], "requests", times_less(100, "fewer"))


def _again(server: Endpoint, place: Place) -> Iterator[Row]:
    """Yield the rows of a pass that finds nothing new: the short ones best of two in turn, the long one once."""
    ours, tuned = [], []
    for _ in range(2):
        ours.append(_ours(server, place, "ours-after", copied=0))
        tuned.append(_theirs(server, "tuned", TUNED))
    plain = _theirs(server, "plain", PLAIN)
    best, best_tuned = min(ours, key=_seconds), min(tuned, key=_seconds)
    note = f"{with_start(best[0])}; requests: ours {best[1]}, tuned {best_tuned[1]}, plain {plain[1]}"
    title = "image snapshot, nothing changed, against"
    yield Row(f"{title} tuned rclone", _seconds(best), _seconds(best_tuned), "s", FASTER, note)
    yield Row(f"{title} plain rclone", _seconds(best), _seconds(plain), "s", times_less(20))


def _seconds(counted: Counted) -> float:
    return counted[0].seconds


def _ours(server: Endpoint, place: Place, target: str, *, copied: int | None = None) -> Counted:
    if copied is None:
        server.bucket(target)
    asked = {"url": server.url, "source": _SOURCE, "target": target, "recipient": place.recipient}
    server.count()
    took = run_ours("snapshot", asked | {"point": place.next_point()})
    count = server.count()
    say(f"snapshot to {target}: {took.seconds:.1f} s, {count} requests")
    expected = place.sizes.bucket_blobs if copied is None else copied
    _check(took.said, {"objects": place.objects, "copied": expected, "findings": []})
    return took, count


def _theirs(server: Endpoint, target: str, options: tuple[str, ...]) -> Counted:
    if target not in {bucket["Name"] for bucket in server.client().list_buckets()["Buckets"]}:
        server.bucket(target)
    server.count()
    took = run([path_of("rclone"), *options, f"s3:{_SOURCE}", f"s3:{target}"], server.for_rclone())
    count = server.count()
    say(f"rclone {' '.join(options)} to {target}: {took.seconds:.1f} s, {count} requests")
    return took, count


def _check(said: Any, expected: dict[str, Any]) -> None:
    seen = {name: said.get(name) for name in expected}
    if seen != expected:
        raise MismatchError("image snapshot", f"it saw {seen}, not {expected}", "report this")


def _fill(server: Endpoint, place: Place) -> None:
    """Leave a registry's tree in the source bucket."""
    client = server.client()
    server.bucket(_SOURCE)
    say(f"fill the bucket with {place.objects:,} objects")

    def put(item: tuple[str, bytes]) -> None:
        client.put_object(Bucket=_SOURCE, Key=item[0], Body=item[1])

    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(put, _tree(place)):
            pass


def _tree(place: Place) -> Iterator[tuple[str, bytes]]:
    random_ = random.Random(7)  # noqa: S311 - the same bytes each time, no secret
    digests = []
    for _ in range(place.sizes.bucket_blobs):
        data = random_.randbytes(place.sizes.bucket_blob)
        digests.append(hashlib.sha256(data).hexdigest())
        yield f"{_ROOT}/blobs/sha256/{digests[-1][:2]}/{digests[-1]}/data", data
    for number in range(place.sizes.repositories):
        for path, digest in _links(number, digests):
            yield f"{_ROOT}/repositories/org/app-{number:03}/{path}/link", f"sha256:{digest}".encode()


def _links(repository: int, digests: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the links of one repository: 100 tags, 100 revisions and 50 layers."""
    for number in range(_TAGS):
        digest = digests[(repository + number) % len(digests)]
        yield f"_manifests/tags/v{number}/current", digest
        yield f"_manifests/tags/v{number}/index/sha256/{digest}", digest
        yield f"_manifests/revisions/sha256/{digest}", digest
    for number in range(_LAYERS):
        digest = digests[-1 - (repository + number) % len(digests)]
        yield f"_layers/sha256/{digest}", digest
