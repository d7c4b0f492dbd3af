from collections.abc import Iterator
from dataclasses import replace

import pytest
from pydantic import SecretStr

from runbook.domain.errors import MismatchError, RefusedError, UnreachableError
from runbook.remote.registry_api import Registry, ping
from runbook.remote.registry_images import DOCKER_LIST, Image, NotByDigestError, build_image, digest_of
from tests.fakes.odd_images import signed_manifest, windows_image
from tests.fakes.registry_server import PASSWORD, USER, RegistryServer, registry_server

IMAGE = build_image([b"one", b"two" * 1000], labels={"canary": "yes"})


@pytest.fixture(scope="module")
def running() -> Iterator[RegistryServer]:
    with registry_server() as server:
        yield server


@pytest.fixture
def server(running: RegistryServer) -> RegistryServer:
    running.blobs.clear()
    running.manifests.clear()
    running.tokens.clear()
    running.requests.clear()
    running.healthy, running.fails_with, running.redirects_blobs = True, None, False
    running.realm = f"{running.url}/auth/token"
    return running


@pytest.fixture
def registry(server: RegistryServer) -> Iterator[Registry]:
    with Registry(server.url, server.ca_pem, USER, SecretStr(PASSWORD)) as client:
        yield client


def test_what_was_pushed_is_pulled_by_tag_and_by_digest(registry: Registry) -> None:
    digest = registry.push_image("org/app:v1", IMAGE)
    assert digest == IMAGE.digest
    for reference in ("org/app:v1", f"org/app@{digest}"):
        pulled = registry.pull_image(reference)
        assert (pulled.digest, pulled.manifest) == (digest, IMAGE.manifest)
        assert pulled.blobs == {name: len(data) for name, data in IMAGE.blobs.items()}


def test_blobs_that_are_there_are_not_sent_again(registry: Registry, server: RegistryServer) -> None:
    registry.push_image("org/app:v1", IMAGE)
    server.requests.clear()
    registry.push_image("org/app:v2", IMAGE)
    assert not [request for request in server.requests if request.startswith("POST")]
    assert registry.list_tags("org/app") == ("v1", "v2")


def test_a_token_is_fetched_once_per_scope(registry: Registry, server: RegistryServer) -> None:
    registry.push_image("org/app:v1", IMAGE)
    registry.pull_image("org/app:v1")
    assert server.requests.count("GET /auth/token") == 2


def test_a_token_that_has_ended_is_fetched_anew(registry: Registry, server: RegistryServer) -> None:
    registry.push_image("org/app:v1", IMAGE)
    registry.pull_image("org/app:v1")
    server.tokens.clear()
    assert registry.pull_image("org/app:v1").digest == IMAGE.digest


def test_a_list_is_pulled_with_all_its_images(registry: Registry) -> None:
    other = build_image([b"three"])
    for image in (IMAGE, other):
        registry.push_image(f"org/app@{image.digest}", image)
    children = ",".join(f'{{"digest":"{image.digest}","size":1}}' for image in (IMAGE, other))
    top = Image(f'{{"schemaVersion":2,"manifests":[{children}]}}'.encode(), DOCKER_LIST, {})
    registry.push_image("org/app:all", top)
    assert set(registry.pull_image("org/app:all").blobs) == {*IMAGE.blobs, *other.blobs}


def test_layers_that_no_registry_keeps_are_counted_and_not_asked_for(
    registry: Registry, server: RegistryServer
) -> None:
    foreign, image = windows_image()
    server.blobs.update(image.blobs)
    server.manifests["org/app", image.digest] = (image.media_type, image.manifest)
    pulled = registry.pull_image(f"org/app@{image.digest}")
    assert (set(pulled.blobs), pulled.elsewhere) == (set(image.blobs), 1)
    assert f"GET /v2/org/app/blobs/{foreign}" not in server.requests


def test_an_image_of_schema_1_is_told_from_a_damaged_one(registry: Registry, server: RegistryServer) -> None:
    digest, signed = signed_manifest(b'{"schemaVersion":1')
    server.manifests["org/app", digest] = signed
    with pytest.raises(NotByDigestError, match="schema 1, which cannot be verified by its digest"):
        registry.pull_image(f"org/app@{digest}")


@pytest.mark.parametrize(
    "change", [lambda data: data[:-1], lambda data: b"!" + data[1:], lambda data: data + b"!"]
)
def test_a_damaged_layer_is_found(registry: Registry, server: RegistryServer, change: object) -> None:
    registry.push_image("org/app:v1", IMAGE)
    digest = next(iter(IMAGE.blobs))
    server.blobs[digest] = change(server.blobs[digest])  # type: ignore[operator]
    with pytest.raises(MismatchError, match=f"{digest}.*\nNext: "):
        registry.pull_image("org/app:v1")


def test_a_damaged_manifest_is_found(registry: Registry, server: RegistryServer) -> None:
    registry.push_image("org/app:v1", IMAGE)
    server.manifests["org/app", IMAGE.digest] = ("x", IMAGE.manifest + b" ")
    with pytest.raises(MismatchError, match="its manifest hashes to"):
        registry.pull_image(f"org/app@{IMAGE.digest}")


def test_a_missing_layer_is_named(registry: Registry, server: RegistryServer) -> None:
    registry.push_image("org/app:v1", IMAGE)
    digest = next(iter(IMAGE.blobs))
    del server.blobs[digest]
    with pytest.raises(RefusedError, match=f"{digest}: it answered 404: BLOB_UNKNOWN"):
        registry.pull_image("org/app:v1")


def test_a_redirect_to_the_storage_is_followed_without_the_token(
    registry: Registry, server: RegistryServer
) -> None:
    registry.push_image("org/app:v1", IMAGE)
    server.redirects_blobs = True
    assert registry.pull_image("org/app:v1").digest == IMAGE.digest


def test_a_reference_leads_to_its_digest_or_nowhere(registry: Registry) -> None:
    registry.push_image("org/app:v1", IMAGE)
    assert registry.head_manifest("org/app:v1") == IMAGE.digest
    assert registry.head_manifest("org/app:v2") is None


def test_a_wrong_password_is_refused_and_not_shown(server: RegistryServer) -> None:
    with (
        Registry(server.url, server.ca_pem, USER, SecretStr("wr0ng")) as client,
        pytest.raises(
            RefusedError, match=r"/auth/token: it answered 401.*\nNext: check the registry's user"
        ) as caught,
    ):
        client.pull_image("org/app:v1")
    assert "wr0ng" not in str(caught.value)


def test_the_password_is_never_sent_without_tls(registry: Registry, server: RegistryServer) -> None:
    server.realm = "http://127.0.0.1:9/auth/token"
    with pytest.raises(RefusedError, match="which is not HTTPS"):
        registry.pull_image("org/app:v1")


def test_a_registry_that_is_not_trusted_is_refused(server: RegistryServer) -> None:
    with (
        Registry(server.url, None, USER, SecretStr(PASSWORD)) as client,
        pytest.raises(RefusedError, match=r"its certificate is not trusted.*\nNext: give the registry's CA"),
    ):
        client.list_tags("org/app")


def test_a_registry_that_does_not_answer_is_unreachable(server: RegistryServer) -> None:
    with (
        Registry("https://127.0.0.1:9", server.ca_pem, USER, SecretStr(PASSWORD)) as client,
        pytest.raises(
            UnreachableError, match=r"127\.0\.0\.1:9.*does not answer.*\nNext: check the load balancer"
        ),
    ):
        client.list_tags("org/app")


def test_a_registry_in_trouble_is_unreachable(registry: Registry, server: RegistryServer) -> None:
    server.fails_with = 503
    with pytest.raises(UnreachableError, match="it answered 503: UNAVAILABLE"):
        registry.list_tags("org/app")


def test_a_missing_licence_is_refused(registry: Registry, server: RegistryServer) -> None:
    server.fails_with = 402
    with pytest.raises(RefusedError, match="\nNext: upload its licence in its UI"):
        registry.push_image("org/app:v1", IMAGE)


def test_a_probe_says_why_a_replica_is_not_healthy(server: RegistryServer) -> None:
    port = server.server_port
    assert ping("127.0.0.1", port=port) is None
    assert ping("127.0.0.1", port=port, path="/health", server_name="localhost", ca_pem=server.ca_pem) is None
    server.healthy = False
    assert ping("127.0.0.1", port=port) == f"{server.url}/_ping answers 503: rethinkdb: no quorum"
    assert "does not answer" in (ping("127.0.0.1", port=9) or "")
    assert "CERTIFICATE" in (ping("127.0.0.1", port=port, server_name="other", ca_pem=server.ca_pem) or "")


def test_equal_contents_build_an_equal_image() -> None:
    assert build_image([b"one", b"two" * 1000], labels={"canary": "yes"}) == IMAGE
    assert build_image([b"one"]).digest != IMAGE.digest
    assert all(digest_of(data) == digest for digest, data in IMAGE.blobs.items())
    assert replace(IMAGE, manifest=b"{}").digest == digest_of(b"{}")
