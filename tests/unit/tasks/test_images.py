import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from runbook.domain.errors import MismatchError
from runbook.remote.registry_images import Image, build_image
from tasks import images
from tasks.images import SAMPLE, verify_sample
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.odd_images import signed_manifest, windows_image
from tests.fakes.registry_server import RegistryServer, registry_server

GOOD = build_image([b"good"])


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with registry_server() as running:
        yield running


@pytest.fixture
def cluster(tmp_path: Path, server: RegistryServer) -> FakeCluster:
    return FakeCluster(tmp_path, server=server)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What the tasks of this module log, where no run is."""
    monkeypatch.setattr(images, "get_run_logger", lambda: logging.getLogger("run"))
    caplog.set_level(logging.INFO, "run")
    return caplog


def hold(server: RegistryServer, name: str, **tags: Image | bytes) -> None:
    """Leave a repository with images, or with signed manifests of schema 1 where bytes are given."""
    server.repositories.append({"namespace": "org", "name": name, "visibility": "private"})
    for tag, image in tags.items():
        if isinstance(image, bytes):
            digest, stored = signed_manifest(image)
        else:
            digest, stored = image.digest, (image.media_type, image.manifest)
            server.blobs.update(image.blobs)
        for key in (tag, digest):
            server.manifests[f"org/{name}", key] = stored


def test_one_image_of_each_of_a_few_repositories_is_pulled(
    cluster: FakeCluster, server: RegistryServer
) -> None:
    for number in range(SAMPLE + 1):
        hold(server, f"app{number}", v1=GOOD, v2=build_image([b"other"]))
    assert verify_sample.fn(cluster) == tuple(f"org/app{n}@{GOOD.digest}" for n in range(SAMPLE))


def test_an_image_with_layers_kept_elsewhere_is_pulled_without_them_and_the_log_says_so(
    cluster: FakeCluster, server: RegistryServer, said: pytest.LogCaptureFixture
) -> None:
    _, windows = windows_image()
    hold(server, "windows", v1=windows)
    assert verify_sample.fn(cluster) == (f"org/windows@{windows.digest}",)
    assert "bytes; 1 layers are kept elsewhere and were not read" in said.text


def test_an_image_of_schema_1_is_left_out_for_one_that_its_digest_verifies(
    cluster: FakeCluster, server: RegistryServer, said: pytest.LogCaptureFixture
) -> None:
    hold(server, "mixed", v1=b'{"schemaVersion":1', v2=GOOD)
    assert verify_sample.fn(cluster) == (f"org/mixed@{GOOD.digest}",)
    assert "not sampled: org/mixed@sha256:" in said.text
    assert "of schema 1, which cannot be verified by its digest" in said.text


def test_repositories_without_a_verifiable_image_give_way_to_later_ones(
    cluster: FakeCluster, server: RegistryServer
) -> None:
    for number in range(SAMPLE):
        hold(server, f"old{number}", v1=b'{"schemaVersion":1')
    hold(server, "recent", v1=GOOD)
    assert verify_sample.fn(cluster) == (f"org/recent@{GOOD.digest}",)


def test_it_is_said_when_nothing_could_be_sampled(
    cluster: FakeCluster, server: RegistryServer, said: pytest.LogCaptureFixture
) -> None:
    hold(server, "old", v1=b'{"schemaVersion":1')
    assert verify_sample.fn(cluster) == ()
    assert "lab: no image could be sampled" in said.text


def test_a_damaged_image_fails_the_restore(cluster: FakeCluster, server: RegistryServer) -> None:
    hold(server, "app", v1=GOOD)
    server.blobs[next(iter(GOOD.blobs))] = b"other"
    with pytest.raises(MismatchError, match="bytes that hash to"):
        verify_sample.fn(cluster)
