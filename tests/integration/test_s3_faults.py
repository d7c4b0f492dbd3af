"""A storage and a vault that refuse for a while, and uploads that end before their time."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runbook.domain.errors import RefusedError, RunbookError
from runbook.remote import patience
from runbook.remote.copy_limits import CopyLimits
from runbook.remote.leftovers import clear_leftovers
from runbook.remote.patience import ThrottledError
from runbook.remote.s3 import connect
from runbook.remote.s3_upload import MEBIBYTE, PartPlan, S3Writer
from runbook.remote.snapshot import PassResult, take_pass
from runbook.remote.snapshot_restore import restore_blobs
from runbook.remote.storage import S3Storage
from runbook.remote.storage_tree import FolderStorage
from runbook.remote.vault_s3 import S3Vault
from tests.fakes.folder_tree import read_tree, write_tree
from tests.fakes.stored_images import tree_of
from tests.integration.recovery_fixtures import Endpoint, s3_endpoint
from tests.integration.s3_gate import SLOW_DOWN, Fault, S3Gate, s3_gate

LAYERS = [f"layer {number} ".encode() * 50 for number in range(25)]
TREE = tree_of("org/app", {"v1": [b"{1}"]}, LAYERS)
BLOBS = [path for path in TREE if "/blobs/" in path]
PLAN = PartPlan(first_size=5 * MEBIBYTE, max_parts=100)
PIECE = bytes(MEBIBYTE)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with s3_endpoint() as seen:
        yield seen


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST", 0.01)
    monkeypatch.setattr(patience, "LONGEST", 0.05)


def filled(endpoint: Endpoint) -> str:
    bucket = endpoint.new_bucket()
    for path, data in TREE.items():
        endpoint.client.put_object(Bucket=bucket, Key=path, Body=data)
    return bucket


def pass_through(gate: S3Gate, endpoint: Endpoint, bucket: str, vault: str) -> PassResult:
    client = connect(replace(endpoint.settings, endpoint_url=gate.url, attempts=1))
    return take_pass(S3Storage(client, bucket), S3Vault(client, vault), "prod", CopyLimits(workers=4))


def every_third(number: int, _method: str, _path: str) -> tuple[int, str] | None:
    return (503, "ServiceUnavailable") if number % 3 == 0 else None


def the_first_forty(number: int, _method: str, _path: str) -> tuple[int, str] | None:
    return SLOW_DOWN if number <= 40 else None


@pytest.mark.parametrize("fault", [every_third, the_first_forty])
def test_a_pass_through_a_service_that_refuses_completes_and_copies_each_blob_once(
    endpoint: Endpoint, fault: Fault
) -> None:
    bucket, vault = filled(endpoint), endpoint.new_bucket()
    with s3_gate(endpoint.settings.endpoint_url or "", fault) as gate:
        taken = pass_through(gate, endpoint, bucket, vault)
    copies = {path: times for (method, path), times in gate.passed.items() if method == "PUT"}
    assert (taken.findings, taken.copied, len(taken.index)) == ([], len(BLOBS), len(TREE))
    assert gate.refused >= 10
    assert len(copies) == len(BLOBS) and set(copies.values()) == {1}


def test_a_service_that_refuses_for_ever_is_given_up_in_the_end(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "ALTOGETHER", 0.2)
    bucket, vault = filled(endpoint), endpoint.new_bucket()
    with (
        s3_gate(endpoint.settings.endpoint_url or "", lambda *_: SLOW_DOWN) as gate,
        pytest.raises(ThrottledError, match="S3 answered 503 SlowDown"),
    ):
        pass_through(gate, endpoint, bucket, vault)
    assert gate.refused > 2


def test_files_go_through_a_service_that_refuses_both_ways(endpoint: Endpoint, tmp_path: Path) -> None:
    storage = FolderStorage(write_tree(tmp_path / "storage", TREE))
    (tmp_path / "new").mkdir()
    with s3_gate(endpoint.settings.endpoint_url or "", every_third) as gate:
        client = connect(replace(endpoint.settings, endpoint_url=gate.url, attempts=1))
        vault = S3Vault(client, endpoint.new_bucket())
        taken = take_pass(storage, vault, "prod")
        restore_blobs(taken.index, vault, "prod", FolderStorage(tmp_path / "new"))
    assert read_tree(tmp_path / "new") == TREE


@pytest.mark.parametrize(
    ("method", "marks"),
    [
        ("POST", "uploads"),
        ("PUT", "partNumber=1"),
        ("PUT", "partNumber=2"),
        ("PUT", "partNumber=3"),
        ("POST", "uploadId"),
    ],
)
def test_an_upload_that_fails_at_any_stage_leaves_nothing_in_the_bucket(
    endpoint: Endpoint, method: str, marks: str
) -> None:
    bucket = endpoint.new_bucket()

    def forbid(_number: int, asked: str, path: str) -> tuple[int, str] | None:
        return (403, "AccessDenied") if asked == method and marks in path else None

    with s3_gate(endpoint.settings.endpoint_url or "", forbid) as gate:
        client = connect(replace(endpoint.settings, endpoint_url=gate.url, attempts=1))
        with (
            pytest.raises(RefusedError, match="AccessDenied"),
            S3Writer(client, bucket, "x", only_if_absent=True, plan=PLAN) as sink,
        ):
            for _ in range(12):
                sink.write(PIECE)
    assert gate.refused >= 1
    assert uploads(endpoint, bucket) == []
    assert endpoint.client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_stream_that_breaks_leaves_nothing_in_the_bucket(endpoint: Endpoint) -> None:
    bucket = endpoint.new_bucket()
    with (
        pytest.raises(RunbookError),
        S3Writer(endpoint.client, bucket, "x", only_if_absent=True, plan=PLAN) as sink,
    ):
        for _ in range(12):
            sink.write(PIECE)
        raise RefusedError("producer", "it broke", "rerun")
    assert uploads(endpoint, bucket) == []


def test_more_than_the_provider_permits_is_refused_before_it_is_asked(endpoint: Endpoint) -> None:
    bucket, plan = endpoint.new_bucket(), PartPlan(first_size=5 * MEBIBYTE, max_parts=1)
    with (
        pytest.raises(RefusedError, match="all of 1 permitted parts are used"),
        S3Writer(endpoint.client, bucket, "x", only_if_absent=True, plan=plan) as sink,
    ):
        for _ in range(12):
            sink.write(PIECE)
    assert uploads(endpoint, bucket) == []


_UPLOADS_FOR_EVER = """
import sys
from runbook.remote.s3 import S3Settings, connect
from runbook.remote.s3_upload import MEBIBYTE, PartPlan, S3Writer
from pydantic import SecretStr
url, bucket, key = sys.argv[1:]
client = connect(S3Settings(url, access_key="lab", secret_key=SecretStr("lab-secret")))
with S3Writer(client, bucket, key, only_if_absent=True, plan=PartPlan(first_size=5 * MEBIBYTE)) as sink:
    for _ in range(12):
        sink.write(bytes(MEBIBYTE))
    print("half", flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_process_was_uploading_is_aborted_by_the_next_and_nothing_else(
    endpoint: Endpoint,
) -> None:
    bucket = endpoint.new_bucket()
    for key in ("vault/prod/points/x/metadata", "vault/prod-two/points/x/metadata"):
        argv = [sys.executable, "-c", _UPLOADS_FOR_EVER, str(endpoint.settings.endpoint_url), bucket, key]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout and process.stdout.readline() == b"half\n"
            process.send_signal(signal.SIGKILL)
    assert len(uploads(endpoint, bucket)) == 2
    done = clear_leftovers(S3Vault(endpoint.client, bucket, "vault"), "prod", datetime.now(UTC))
    assert done == ("vault/prod/points/x/metadata: an upload that nobody finished was aborted",)
    assert uploads(endpoint, bucket) == ["vault/prod-two/points/x/metadata"]


def test_an_upload_that_began_within_the_lease_is_left_to_whoever_writes_it(endpoint: Endpoint) -> None:
    bucket = endpoint.new_bucket()
    endpoint.client.create_multipart_upload(Bucket=bucket, Key="prod/x")
    (began,) = (
        upload["Initiated"] for upload in endpoint.client.list_multipart_uploads(Bucket=bucket)["Uploads"]
    )
    assert clear_leftovers(S3Vault(endpoint.client, bucket), "prod", began) == ()
    assert uploads(endpoint, bucket) == ["prod/x"]


def test_keys_that_may_not_list_uploads_are_told_and_no_reason_to_fail(endpoint: Endpoint) -> None:
    with s3_gate(endpoint.settings.endpoint_url or "", lambda *_: (403, "AccessDenied")) as gate:
        client = connect(replace(endpoint.settings, endpoint_url=gate.url))
        (said,) = clear_leftovers(S3Vault(client, endpoint.new_bucket()), "prod", datetime.now(UTC))
    assert "uploads that nobody finished are not looked for" in said


def uploads(endpoint: Endpoint, bucket: str) -> list[str]:
    return [
        upload["Key"] for upload in endpoint.client.list_multipart_uploads(Bucket=bucket).get("Uploads", ())
    ]
