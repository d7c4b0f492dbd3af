from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from runbook.domain.errors import MismatchError, RefusedError, UnreachableError
from runbook.remote.registry_admin_api import RegistryAdmin
from runbook.remote.registry_admin_types import Job, Repository, S3StorageSettings
from runbook.remote.registry_api import Registry
from runbook.remote.registry_images import build_image
from tests.fakes.registry_server import PASSWORD, USER, RegistryServer, registry_server


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with registry_server() as running:
        yield running


@pytest.fixture
def admin(server: RegistryServer) -> Iterator[RegistryAdmin]:
    with RegistryAdmin(server.url, server.ca_pem, USER, SecretStr(PASSWORD)) as client:
        yield client


def test_settings_name_the_replicas_and_their_nodes(admin: RegistryAdmin) -> None:
    seen = admin.settings()
    assert (seen.host, seen.replica_id, seen.nodes) == ("registry", "0123456789ab", {"0123456789ab": "dtr1"})
    assert not seen.read_only
    admin.change_settings({"readOnlyRegistry": True})
    assert admin.settings().read_only


def test_one_replica_is_asked_for_the_name_that_its_certificate_holds() -> None:
    with registry_server("registry.example.com") as server:
        login = (server.url, server.ca_pem, USER, SecretStr(PASSWORD))
        with RegistryAdmin(*login) as by_address, pytest.raises(RefusedError, match="is not trusted"):
            by_address.settings()
        with RegistryAdmin(*login, server_name="registry.example.com") as by_name:
            assert by_name.settings().replica_id == "0123456789ab"
        assert server.hosts == {"registry.example.com"}


def test_the_clusters_state_is_read(admin: RegistryAdmin) -> None:
    seen = admin.cluster_status()
    assert seen.health == {"0123456789ab": "OK"}
    assert seen.issues == ("dtr_rethinkdb_0123456789ab is not reachable",)
    assert admin.version() == "2.9.29"


def test_a_bucket_becomes_the_storage(admin: RegistryAdmin) -> None:
    wanted = S3StorageSettings("images", "eu-west-1", "http://s3:9000", "root", "key", SecretStr("t0psecret"))
    assert "t0psecret" not in repr(wanted)
    admin.set_s3_storage(wanted)
    s3 = admin.storage_settings()["storage"]["s3"]
    assert (s3["bucket"], s3["rootdirectory"], s3["secretkey"]) == ("images", "root", "t0psecret")


def test_without_keys_none_are_sent() -> None:
    assert "accesskey" not in S3StorageSettings("images", "eu-west-1").to_document()["storage"]["s3"]


def test_a_repository_is_created_once(admin: RegistryAdmin) -> None:
    assert admin.create_repository("org", "app", visibility="public", shortDescription="An app")
    assert not admin.create_repository("org", "app")
    assert admin.repositories() == (Repository("org", "app", "public", "An app", False, False),)


def test_lists_are_read_to_their_last_page(admin: RegistryAdmin, server: RegistryServer) -> None:
    for number in range(5):
        admin.create_repository("org", f"app{number}")
        admin.create_repository("team", f"tool{number}")
    assert len(admin.repositories()) == 10
    assert [seen.full_name for seen in admin.repositories("team")] == [
        f"team/tool{number}" for number in range(5)
    ]
    image = build_image([b"one"])
    with Registry(server.url, server.ca_pem, USER, SecretStr(PASSWORD)) as registry:
        for number in range(5):
            registry.push_image(f"org/app1:v{number}", image)
    assert admin.tags("org", "app1") == {f"v{number}": image.digest for number in range(5)}


def test_teams_get_access(admin: RegistryAdmin) -> None:
    assert admin.team_access("org", "app") == {}
    admin.set_team_access("org", "app", "developers", "read-write")
    assert admin.team_access("org", "app") == {"developers": "read-write"}


def test_crons_are_taken_away_and_set_with_all_that_was_set_for_them(admin: RegistryAdmin) -> None:
    assert admin.crons()["onlinegc"]["schedule"] == "0 0 3 * * *"
    limited = {**admin.crons()["onlinegc"], "deadline": "3h", "retries": 2, "parameters": {"verbose": "1"}}
    admin.set_cron(limited)
    before = admin.crons()
    assert before == {"onlinegc": limited}
    admin.delete_cron("onlinegc")
    admin.delete_cron("onlinegc")
    assert admin.crons() == {}
    admin.set_cron(before["onlinegc"])
    assert admin.crons() == before


def test_jobs_that_run_or_wait_are_known(admin: RegistryAdmin, server: RegistryServer) -> None:
    job = admin.start_job("onlinegc_blobs")
    assert (job.action, job.ended) == ("onlinegc_blobs", False)
    server.jobs += [{"id": f"old-{n}", "action": "sleep", "status": "done"} for n in range(300)]
    server.jobs.append({"id": "long", "action": "onlinegc", "status": "running"})
    assert admin.running_jobs() == {"onlinegc_blobs", "onlinegc"}
    assert Job("x", "gc", "cancel").ended


@pytest.mark.parametrize(
    ("status", "kind"), [(403, RefusedError), (500, UnreachableError), (302, MismatchError)]
)
def test_bad_answers_say_where_and_what(
    admin: RegistryAdmin, server: RegistryServer, status: int, kind: type[Exception]
) -> None:
    server.fails_with = status
    with pytest.raises(kind, match=rf"GET {server.url}/api/v0/meta/settings: it answered {status}"):
        admin.settings()


def test_values_that_the_registry_does_not_take_are_refused(admin: RegistryAdmin) -> None:
    with pytest.raises(RefusedError, match="400: INVALID_SETTINGS"):
        admin.change_settings({"nonsense": 1})


def test_a_wrong_password_is_refused(server: RegistryServer) -> None:
    with (
        RegistryAdmin(server.url, server.ca_pem, USER, SecretStr("wrong")) as client,
        pytest.raises(RefusedError, match="401: NOT_AUTHENTICATED"),
    ):
        client.settings()
