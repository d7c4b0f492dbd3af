"""A backup into a bucket whose service stumbles, breaks down, is full or forbids: ridden through, or nothing at all."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from botocore.config import Config
from botocore.retries.standard import ExponentialBackoff
from prefect.logging import disable_run_logger

from runbook.domain.errors import RefusedError, UnreachableError
from runbook.domain.locks import LockRecord
from runbook.remote import patience
from runbook.remote.encryption import generate_identity
from runbook.remote.locks import lock_key
from runbook.remote.recovery_points import list_points
from runbook.remote.recovery_verify import verify_point
from runbook.remote.s3 import connect
from runbook.remote.s3_upload import PartPlan, S3Writer
from runbook.remote.storage import S3Storage
from runbook.remote.vault_s3 import S3Vault
from tests.fakes.s3_proxy import (
    Fault,
    Relay,
    S3Proxy,
    answers,
    closes,
    cuts_answer,
    dribbles,
    hangs,
    loses_answer,
    s3_proxy,
)
from tests.fakes.scheduler import GC, SATURDAY
from tests.fakes.small_registry import SmallCluster
from tests.fakes.step_run import back_up
from tests.integration.recovery_fixtures import Endpoint, s3_endpoint

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEYS = generate_identity()
BALLAST = random.Random(0).randbytes(150 * 1024).hex()  # compresses to a half: three parts
SMALL_PARTS = PartPlan(first_size=64 * 1024, in_flight=128 * 1024)
OPERATIONS = (
    "ListObjectsV2", "HeadObject", "GetObject", "PutObject", "CopyObject",
    "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload",
)  # fmt: skip
STEPS = (
    "begin_point", "copy_images", "hold_garbage_collection", "stream_metadata", "release_hold",
    "seal_point", "publish_point",
)  # fmt: skip
Befall = Callable[[Relay], None]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with s3_endpoint() as seen, disable_run_logger():
        yield seen


@pytest.fixture
def proxy(endpoint: Endpoint) -> Iterator[S3Proxy]:
    assert endpoint.settings.endpoint_url
    with s3_proxy(endpoint.settings.endpoint_url) as running:
        yield running


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waits of a client are as long as those of a person in a hurry."""
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda *_: 0.001)
    monkeypatch.setattr(patience, "ALTOGETHER", 0.01)
    monkeypatch.setattr("moto.s3.models.S3_UPLOAD_PART_MIN_SIZE", 256)
    quick = {"read_timeout": 2}
    monkeypatch.setattr("runbook.remote.s3.Config", lambda **options: Config(**{**options, **quick}))


def proxied(endpoint: Endpoint, proxy: S3Proxy) -> "S3Client":
    return connect(replace(endpoint.settings, endpoint_url=proxy.url, attempts=3))


def nothing_in(endpoint: Endpoint, bucket: str) -> bool:
    uploads = endpoint.client.list_multipart_uploads(Bucket=bucket).get("Uploads")
    return not uploads and endpoint.client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


class World:
    """A cluster whose vault is behind the proxy; it is looked at directly."""

    def __init__(self, endpoint: Endpoint, proxy: S3Proxy, folder: Path) -> None:
        self.client, self.bucket = endpoint.client, endpoint.new_bucket()
        self.seen = S3Vault(endpoint.client, self.bucket)
        client = proxied(endpoint, proxy)
        vault = S3Vault(client, self.bucket)
        vault._plan = SMALL_PARTS
        storage = S3Storage(client, endpoint.new_bucket())
        self.cluster = SmallCluster(folder, storage, vault, KEYS, BALLAST)
        self.cluster.push_first_image()

    @property
    def uploads(self) -> list[object]:
        return list(self.client.list_multipart_uploads(Bucket=self.bucket).get("Uploads", []))

    @property
    def verified(self) -> int:
        found = [point.manifest for point in list_points(self.seen, "lab") if point.manifest]
        assert all(verify_point(self.seen, manifest, KEYS[0], full=True).sound for manifest in found)
        return len(found)

    def left_over(self) -> list[str]:
        kept = ("lab/blobs/", "lab/points/", "lab/catalogue/")
        return [seen.key for seen in self.seen.list("") if not seen.key.startswith(kept)]


@pytest.fixture
def world(endpoint: Endpoint, proxy: S3Proxy, tmp_path: Path) -> World:
    return World(endpoint, proxy, tmp_path)


@pytest.mark.parametrize(
    ("befall", "operations"),
    [
        (answers(500, "InternalError"), OPERATIONS),
        (answers(503, "SlowDown"), OPERATIONS),
        (closes, OPERATIONS),
        (hangs, ("GetObject", "UploadPart")),
    ],
    ids=["500", "503", "connection closed", "time-out"],
)
def test_what_passes_is_ridden_through_by_every_operation(
    world: World, proxy: S3Proxy, befall: Befall, operations: tuple[str, ...]
) -> None:
    proxy.faults = [Fault(operation, befall, 1) for operation in operations]
    back_up(world.cluster)
    assert sorted(proxy.befell) == sorted(operations)
    assert (world.verified, world.uploads, world.left_over()) == (1, [], [])
    assert world.cluster.small.crons()[GC] == SATURDAY


@pytest.mark.parametrize("befall", [cuts_answer(1000), dribbles], ids=["cut", "slow"])
def test_an_answer_that_is_cut_or_slow_is_read_to_its_end(
    world: World, proxy: S3Proxy, befall: Befall
) -> None:
    proxy.faults = [Fault("GetObject", befall, 4)]
    back_up(world.cluster)
    assert (world.verified, world.uploads, world.left_over()) == (1, [], [])


def test_what_is_done_and_never_answered_is_known_as_its_own_at_every_step(
    world: World, proxy: S3Proxy
) -> None:
    def lose_an_answer_of_each(_step: str) -> None:
        proxy.faults = [Fault(operation, loses_answer, 1) for operation in OPERATIONS]

    back_up(world.cluster, before=lose_an_answer_of_each)
    assert set(proxy.befell) == set(OPERATIONS)
    assert (world.verified, world.left_over()) == (1, [])


@pytest.mark.parametrize("operation", ["CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"])
def test_an_upload_that_goes_on_failing_ends_the_backup_with_words_and_leaves_nothing(
    world: World, proxy: S3Proxy, operation: str
) -> None:
    proxy.faults = [Fault(operation, answers(503, "SlowDown"))]
    with pytest.raises(
        UnreachableError, match=r"^s3://.*/metadata.tar.zst.age: S3 answered 503.*\nNext: wait"
    ):
        back_up(world.cluster)
    assert (world.verified, world.uploads, world.left_over()) == (0, [], [])
    assert world.cluster.small.crons()[GC] == SATURDAY


@pytest.mark.parametrize("step", STEPS)
def test_a_service_that_breaks_down_at_any_step_publishes_nothing_and_the_next_backup_finishes_the_work(
    world: World, proxy: S3Proxy, step: str
) -> None:
    def break_down(name: str) -> None:
        if name == step:
            proxy.faults = [Fault(operation, answers(503, "SlowDown")) for operation in (*OPERATIONS, *_ENDS)]

    with pytest.raises(UnreachableError, match=r"^s3://.*\nNext: ") as failed:
        back_up(world.cluster, before=break_down)
    assert world.bucket in failed.value.where
    proxy.faults = []
    assert (world.verified, world.uploads) == (0, [])
    _let_the_lease_end(world)
    back_up(world.cluster)
    assert (world.verified, world.uploads, world.left_over()) == (1, [], [])
    assert world.cluster.small.crons()[GC] == SATURDAY


_ENDS = ("DeleteObject", "AbortMultipartUpload")
FULL = [
    (answers(507, "XMinioStorageFull"), "it is full: .*XMinioStorageFull.*\nNext: make room there"),
    (answers(403, "QuotaExceeded"), "it is full: .*QuotaExceeded.*\nNext: make room there"),
    (answers(400, "EntityTooLarge"), "S3 answered 400 EntityTooLarge"),
    (answers(403, "AccessDenied"), "S3 answered 403 AccessDenied.*\nNext: check the keys and the rights"),
]


@pytest.mark.parametrize(
    ("operation", "size"),
    [
        ("PutObject", 1000),
        ("CreateMultipartUpload", 10**5),
        ("UploadPart", 10**5),
        ("CompleteMultipartUpload", 10**5),
    ],
)
@pytest.mark.parametrize(("befall", "words"), FULL, ids=["no room", "quota", "too large", "forbidden"])
def test_a_bucket_that_is_full_or_forbidden_is_refused_with_its_words_and_nothing_is_left(
    endpoint: Endpoint, proxy: S3Proxy, operation: str, size: int, befall: Befall, words: str
) -> None:
    bucket = endpoint.new_bucket()
    proxy.faults = [Fault(operation, befall)]
    with (
        pytest.raises(RefusedError, match=words),
        S3Writer(proxied(endpoint, proxy), bucket, "x", only_if_absent=True, plan=SMALL_PARTS) as sink,
    ):
        sink.write(bytes(size))
    assert nothing_in(endpoint, bucket)


@pytest.mark.parametrize("befall", [answers(507, "XMinioStorageFull"), answers(403, "AccessDenied")])
def test_a_backup_into_a_bucket_that_takes_no_more_publishes_nothing_and_holds_nothing(
    world: World, proxy: S3Proxy, befall: Befall
) -> None:
    proxy.faults = [Fault("UploadPart", befall)]
    with pytest.raises(RefusedError, match=r"\nNext: "):
        back_up(world.cluster)
    assert (world.verified, world.uploads, world.left_over()) == (0, [], [])
    assert world.cluster.small.crons()[GC] == SATURDAY


def _let_the_lease_end(world: World) -> None:
    """A lock that could not be released is there until its lease ends."""
    data, _ = world.seen.get_with_etag(lock_key("lab")) if world.seen.head(lock_key("lab")) else (b"", "")
    if data:
        record = LockRecord.from_json(data)
        world.seen.put_bytes(lock_key("lab"), replace(record, until=record.since).to_json())


@pytest.mark.parametrize("tenth", range(1, 10))
def test_an_upload_that_is_cut_at_any_tenth_arrives_whole(
    endpoint: Endpoint, proxy: S3Proxy, tenth: int
) -> None:
    bucket, data = endpoint.new_bucket(), random.Random(tenth).randbytes(640 * 1024)
    client = proxied(endpoint, proxy)
    proxy.cut_at = len(data) * tenth // 10
    with S3Writer(client, bucket, "x", only_if_absent=True, plan=SMALL_PARTS) as sink:
        sink.write(data)
    assert proxy.befell == ["cut"]
    assert endpoint.client.get_object(Bucket=bucket, Key="x")["Body"].read() == data
    assert "Uploads" not in endpoint.client.list_multipart_uploads(Bucket=bucket)


@pytest.mark.parametrize("tenth", [1, 5, 9])
def test_an_upload_whose_service_breaks_down_on_its_way_leaves_no_object_and_no_part(
    endpoint: Endpoint, proxy: S3Proxy, tenth: int
) -> None:
    bucket, data = endpoint.new_bucket(), random.Random(tenth).randbytes(640 * 1024)
    client = proxied(endpoint, proxy)
    with (
        pytest.raises(UnreachableError),
        S3Writer(client, bucket, "x", only_if_absent=True, plan=SMALL_PARTS) as sink,
    ):
        sink.write(data[: len(data) * tenth // 10])
        proxy.faults = [
            Fault("UploadPart", closes),
            Fault("CompleteMultipartUpload", closes),
            Fault("PutObject", closes),
        ]
        sink.write(data[len(data) * tenth // 10 :])
    assert nothing_in(endpoint, bucket)


def test_an_upload_that_cannot_even_be_aborted_fails_for_the_reason_that_came_first(
    endpoint: Endpoint, proxy: S3Proxy
) -> None:
    bucket = endpoint.new_bucket()
    client = proxied(endpoint, proxy)
    proxy.faults = [Fault("AbortMultipartUpload", answers(403, "AccessDenied"))]
    with (
        pytest.raises(RefusedError, match="the producer died"),
        S3Writer(client, bucket, "x", only_if_absent=True, plan=SMALL_PARTS) as sink,
    ):
        sink.write(bytes(256 * 1024))
        raise RefusedError("dtr1", "the producer died", "look there")
