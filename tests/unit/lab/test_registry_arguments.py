from collections.abc import Iterator

import pytest
from registry.bootstrapper.arguments import BadArgumentError, parse


@pytest.fixture(autouse=True)
def version(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    monkeypatch.setenv("DTR_VERSION", "2.9.29")
    yield monkeypatch


def test_a_flag_wins_over_its_environment_name() -> None:
    _, options = parse(["backup", "--ucp-url", "flag"], {"UCP_URL": "environment", "UCP_USERNAME": "admin"})
    assert (options["ucp_url"], options["ucp_username"]) == ("flag", "admin")


@pytest.mark.parametrize("name", ["DTR_REPLICA_ID", "MSR_REPLICA_ID"])
def test_both_spellings_of_the_environment_names_are_read(name: str) -> None:
    assert parse(["backup"], {name: "aaaaaaaaaaaa"})[1]["existing_replica_id"] == "aaaaaaaaaaaa"


@pytest.mark.parametrize(("text", "wanted"), [("true", True), ("1", True), ("false", False), ("", False)])
def test_a_switch_is_read_from_the_environment(text: str, wanted: bool) -> None:
    assert parse(["join"], {"UCP_INSECURE_TLS": text})[1]["ucp_insecure_tls"] is wanted


def test_a_flag_may_be_joined_to_its_value() -> None:
    assert parse(["install", "--replica-https-port=444"], {})[1]["replica_https_port"] == 444


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        ([], {}),
        (["downgrade"], {}),
        (["install", "--no-such-flag"], {}),
        (["install", "--ucp-n", "dtr1"], {}),
        (["install", "--replica-http-port", "eighty"], {}),
        (["install"], {"REPLICA_HTTP_PORT": "eighty"}),
        (["restore", "--existing-replica-id", "aaaaaaaaaaaa"], {}),
    ],
)
def test_what_is_not_understood_is_refused(arguments: list[str], environment: dict[str, str]) -> None:
    with pytest.raises(BadArgumentError):
        parse(arguments, environment)


def test_a_flag_belongs_to_the_versions_that_have_it(version: pytest.MonkeyPatch) -> None:
    assert parse(["restore", "--dtr-use-default-storage"], {})[1]["dtr_use_default_storage"] is True
    version.setenv("DTR_VERSION", "2.4.1")
    with pytest.raises(BadArgumentError):
        parse(["restore", "--dtr-use-default-storage"], {})


def test_help_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["install", "--help"], {})
    assert ended.value.code == 0
    assert "--dtr-external-url" in capsys.readouterr().out
