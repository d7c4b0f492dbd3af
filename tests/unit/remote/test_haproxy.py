import pytest

from runbook.domain.errors import MismatchError
from runbook.remote.haproxy import Backend, Front, ServerState, parse_pool, render, why_not_up

POOL = [Backend("dtr2", "198.18.0.12", 4443), Backend("dtr1", "198.18.0.11")]
UP = ServerState("UP", "L7OK 200 Layer7 check passed")
TABLE = """# pxname,svname,status,check_status,check_code,last_chk,
registry_https,FRONTEND,OPEN,,,,
replicas_https,dtr1,UP,L7OK,200,Layer7 check passed,
replicas_https,dtr2,DOWN,L7STS,503,,
replicas_https,BACKEND,UP,,,,
replicas_http,dtr1,UP,L7OK,200,,
"""


def rendered(*pool: Backend, front: Front | None = None) -> str:
    return render(pool, probe_path="/_ping", front=front or Front("198.18.0.40"))


def test_tls_passes_through_and_every_replica_is_asked_for_itself() -> None:
    text = rendered(*POOL)
    assert "mode tcp" in text
    assert "ssl crt" not in text
    assert "http-check send meth GET uri /_ping ver HTTP/1.1 hdr Host 198.18.0.40" in text
    assert "server dtr1 198.18.0.11:443 check check-ssl verify none" in text
    assert "server dtr2 198.18.0.12:4443 check check-ssl verify none" in text


def test_the_plain_port_is_probed_by_https_too() -> None:
    assert "server dtr2 198.18.0.12:80 check port 4443 check-ssl verify none" in rendered(*POOL)


def test_the_statistics_are_shown_to_the_machine_itself_and_to_whom_the_cluster_file_says() -> None:
    def binds(address: str) -> list[str]:
        text = rendered(front=Front("registry.example", 4443, 8282, address))
        return [line.strip() for line in text.splitlines() if "bind" in line]

    assert binds("127.0.0.1") == ["bind *:4443", "bind *:80", "bind 127.0.0.1:8282"]
    assert binds("198.18.0.5")[2:] == ["bind 127.0.0.1:8282", "bind 198.18.0.5:8282"]
    assert binds("*")[2:] == ["bind *:8282"]


def test_the_same_pool_gives_the_same_text_in_any_order() -> None:
    assert rendered(*POOL) == rendered(*reversed(POOL))


def test_an_upload_may_pause_for_more_than_ten_minutes() -> None:
    for line in ("timeout client 15m", "timeout server 15m", "timeout tunnel 1h"):
        assert line in rendered(*POOL)


@pytest.mark.parametrize("name", ["", "a b", "dtr1\n    server evil 10.0.0.1:443", "é"])
def test_a_name_cannot_smuggle_in_a_line(name: str) -> None:
    with pytest.raises(ValueError, match="cannot stand in HAProxy's configuration"):
        rendered(Backend(name, "198.18.0.11"))


def test_the_table_is_read_for_the_pool_alone() -> None:
    assert parse_pool("lb1", TABLE) == {"dtr1": UP, "dtr2": ServerState("DOWN", "L7STS 503")}


def test_another_service_on_the_port_is_noticed() -> None:
    with pytest.raises(MismatchError, match="statistics page"):
        parse_pool("lb1", "<html>hello</html>")


@pytest.mark.parametrize(
    ("states", "reason"),
    [
        ({"dtr1": UP, "dtr2": UP}, None),
        ({"dtr1": UP}, "dtr2 not in its pool"),
        ({"dtr1": UP, "dtr2": UP, "dtr3": UP}, "dtr3 still in its pool"),
        ({"dtr1": UP, "dtr2": ServerState("DOWN", "L4CON refused")}, "dtr2 is DOWN (L4CON refused)"),
        ({"dtr1": UP, "dtr2": ServerState("UP", "INI Initializing")}, "dtr2 is UP (INI Initializing)"),
        ({"dtr1": UP, "dtr2": ServerState("UP", "* L7OK")}, "dtr2 is UP (* L7OK)"),
        ({"dtr1": UP, "dtr2": ServerState("no check", "")}, "dtr2 is no check ()"),
    ],
)
def test_the_pool_is_up_when_every_wanted_replica_was_found_well(
    states: dict[str, ServerState], reason: str | None
) -> None:
    assert why_not_up(states, ["dtr1", "dtr2"]) == reason
