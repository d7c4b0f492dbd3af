import pytest

from runbook.domain.errors import MismatchError
from runbook.domain.load_balancer import Backend, Front, Member, Setup
from runbook.remote.haproxy_config import HaproxyConfig, Statistics, render
from runbook.remote.haproxy_stats import parse_pool

POOL = [Backend("dtr2", "198.18.0.12", 4443), Backend("dtr1", "198.18.0.11")]
FRONT = Front("198.18.0.40")
TABLE = """# pxname,svname,status,check_status,check_code,last_chk,
registry_https,FRONTEND,OPEN,,,,
replicas_https,dtr1,UP,L7OK,200,Layer7 check passed,
replicas_https,dtr2,DOWN,L7STS,503,,
replicas_https,dtr3,UP,INI,,Initializing,
replicas_https,dtr4,UP,* L7OK,200,,
replicas_https,BACKEND,UP,,,,
replicas_http,dtr1,UP,L7OK,200,,
"""
BY_HAND = """
defaults first # of something else
    timeout client 20m
defaults
    mode tcp
    timeout client 50s
    timeout server 15m
listen registry
    bind 198.18.0.5:80,198.18.0.5:443
    option httpchk GET /_ping HTTP/1.1
    server a 198.18.0.11:443 check check-ssl verify none
    server b 198.18.0.12:443 check check-ssl verify none
"""


def rendered(*pool: Backend, front: Front = FRONT, statistics: Statistics | None = None) -> str:
    return render(pool, front, statistics or Statistics())


def test_tls_passes_through_and_every_replica_is_asked_for_itself() -> None:
    text = rendered(*POOL)
    assert "mode tcp" in text
    assert "ssl crt" not in text
    assert "http-check send meth GET uri /_ping ver HTTP/1.1 hdr Host 198.18.0.40" in text
    assert "server dtr1 198.18.0.11:443 check check-ssl verify none" in text
    assert "server dtr2 198.18.0.12:4443 check check-ssl verify none" in text


def test_the_probe_is_that_of_the_registrys_version() -> None:
    assert "GET uri /health ver" in rendered(*POOL, front=Front("registry.example", probe_path="/health"))


def test_the_plain_port_is_probed_by_https_too() -> None:
    assert "server dtr2 198.18.0.12:80 check port 4443 check-ssl verify none" in rendered(*POOL)


def test_the_statistics_are_shown_to_the_machine_itself_and_to_whom_the_cluster_file_says() -> None:
    def binds(address: str) -> list[str]:
        text = rendered(front=Front("registry.example", 4443), statistics=Statistics(8282, address))
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


def test_the_table_is_read_for_the_pool_alone_and_who_was_not_probed_yet_is_not_up() -> None:
    assert parse_pool("lb1", TABLE) == {
        "dtr1": Member(up=True, words="UP (L7OK 200 Layer7 check passed)"),
        "dtr2": Member(up=False, words="DOWN (L7STS 503)"),
        "dtr3": Member(up=False, words="UP (INI Initializing)"),
        "dtr4": Member(up=False, words="UP (* L7OK 200)"),
    }


def test_another_service_on_the_port_is_noticed() -> None:
    with pytest.raises(MismatchError, match="statistics page"):
        parse_pool("lb1", "<html>hello</html>")


def test_what_is_written_reads_as_what_the_vendor_asks_for() -> None:
    config = HaproxyConfig(rendered(*POOL))
    assert config.members(FRONT) == {"dtr1", "dtr2"}
    assert config.setups(FRONT) == (
        Setup(443, passthrough=True, probe="HTTPS /_ping", idle_seconds=3600),
        Setup(80, passthrough=True, probe=None, idle_seconds=3600),
    )


def test_a_configuration_of_a_person_is_read_with_the_defaults_before_it() -> None:
    config = HaproxyConfig(BY_HAND)
    assert config.members(FRONT) == {"a", "b"}
    assert config.setups(FRONT)[0] == Setup(443, passthrough=True, probe="HTTPS /_ping", idle_seconds=50)


@pytest.mark.parametrize(
    ("old", "new", "passthrough", "probe", "idle"),
    [
        ("mode tcp", "mode http", False, "HTTPS /_ping", 50),
        (":443\n", ":443 ssl crt /x.pem\n", False, "HTTPS /_ping", 50),
        ("check-ssl verify none\n", "ssl verify none\n", False, "HTTP /_ping", 50),
        ("check-ssl verify none\n", "\n", True, "HTTP /_ping", 50),
        ("check check-ssl verify none\n", "\n", True, "", 50),
        ("option httpchk GET /_ping HTTP/1.1", "", True, "a connection alone", 50),
        ("timeout client 50s", "", True, "HTTPS /_ping", 900),
        ("timeout client 50s", "timeout client 50", True, "HTTPS /_ping", 0.05),
    ],
)
def test_what_a_person_did_otherwise_is_seen(
    old: str, new: str, *, passthrough: bool, probe: str, idle: float
) -> None:
    assert old in BY_HAND
    seen = HaproxyConfig(BY_HAND.replace(old, new)).setups(FRONT)[0]
    assert seen == Setup(443, passthrough, probe, idle)


def test_a_port_on_which_nothing_listens_is_not_there() -> None:
    assert HaproxyConfig(BY_HAND).setups(Front("x", 4443, 8080)) == ()
    assert HaproxyConfig("").members(FRONT) == frozenset()
