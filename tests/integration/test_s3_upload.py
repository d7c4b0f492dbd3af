"""Streams of unknown length into a bucket."""

import hashlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis.strategies import integers

from runbook.remote.s3_stream import S3Stream
from runbook.remote.s3_upload import MEBIBYTE, PartPlan, S3Writer
from tests.integration.recovery_fixtures import Endpoint, s3_endpoint

SMALL = PartPlan(first_size=5 * MEBIBYTE, max_parts=5, in_flight=12 * MEBIBYTE)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with s3_endpoint() as seen:
        yield seen


def test_parts_double_after_each_fifth_of_the_permitted_number() -> None:
    plan = PartPlan()
    sizes = [plan.size_of(number) // MEBIBYTE for number in (1, 2000, 2001, 4001, 10_000)]
    assert sizes == [16, 16, 32, 64, 256]
    assert sum(plan.size_of(number) for number in range(1, 10_001)) > 900 * 1024**3


@given(integers(1, 10_000))
def test_parts_never_shrink_and_all_permitted_ones_hold_far_more_than_the_first_size_alone(
    max_parts: int,
) -> None:
    plan = PartPlan(max_parts=max_parts)
    sizes = [plan.size_of(number) for number in range(1, max_parts + 1)]
    assert sizes == sorted(sizes) and sizes[0] == plan.first_size
    assert sizes[-1] <= 5 * 1024**3  # the most that S3 takes as one part
    assert sum(sizes) >= max_parts * plan.first_size * (6 if max_parts >= 100 else 1)


def test_a_provider_of_a_thousand_parts_takes_a_stream_beyond_78_gib() -> None:
    plan = PartPlan(max_parts=1000)
    assert sum(plan.size_of(number) for number in range(1, 1001)) > 78 * 1024**3


def test_a_long_stream_arrives_whole_in_growing_parts(endpoint: Endpoint) -> None:
    bucket, digest, piece = endpoint.new_bucket(), hashlib.sha256(), bytes(range(256)) * 4001
    with S3Writer(endpoint.client, bucket, "x", only_if_absent=True, plan=SMALL) as sink:
        for _ in range(40):
            sink.write(piece)
            digest.update(piece)
    with S3Stream(endpoint.client, bucket, "x") as stream:
        assert hashlib.sha256(stream.readall()).digest() == digest.digest()
    head = endpoint.client.head_object(Bucket=bucket, Key="x")
    assert (head["ContentLength"], head["ETag"].strip('"')) == (sink.size, sink.etag)
    assert sink.etag.endswith("-4")  # 5 + 10 + 20 + 4 MiB


def test_an_upload_that_fails_is_aborted_in_the_bucket_too(endpoint: Endpoint) -> None:
    bucket = endpoint.new_bucket()
    with (
        pytest.raises(OSError, match="cut"),
        S3Writer(endpoint.client, bucket, "x", only_if_absent=True, plan=SMALL) as sink,
    ):
        sink.write(bytes(12 * MEBIBYTE))
        assert endpoint.client.list_multipart_uploads(Bucket=bucket).get("Uploads")
        raise OSError("cut")
    assert "Uploads" not in endpoint.client.list_multipart_uploads(Bucket=bucket)
    assert endpoint.client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_an_upload_never_replaces_an_object_and_leaves_no_parts(endpoint: Endpoint) -> None:
    bucket = endpoint.new_bucket()
    endpoint.client.put_object(Bucket=bucket, Key="x", Body=b"first")
    with (
        pytest.raises(Exception, match="write-once"),
        S3Writer(endpoint.client, bucket, "x", only_if_absent=True, plan=SMALL) as sink,
    ):
        sink.write(bytes(12 * MEBIBYTE))
    assert endpoint.client.get_object(Bucket=bucket, Key="x")["Body"].read() == b"first"
    assert "Uploads" not in endpoint.client.list_multipart_uploads(Bucket=bucket)


def test_a_stream_that_is_cut_goes_on_where_it_was_cut(endpoint: Endpoint) -> None:
    bucket, data = endpoint.new_bucket(), bytes(range(256)) * 1000
    endpoint.client.put_object(Bucket=bucket, Key="x", Body=data)
    with S3Stream(endpoint.client, bucket, "x") as stream:
        first = stream.read(1000)
        stream._body._raw_stream.close()
        assert first is not None
        assert first + stream.readall() == data
