import pytest

from runbook.domain.errors import RefusedError
from runbook.domain.taken_ports import listeners_in, published_in, refuse_taken

TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 21 1
   1: 0100007F:1F90 0100007F:B4D2 01 00000000:00000000 00:00000000 00000000     0        0 22 1
  sl  local_address                         remote_address                        st
   0: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A 00000000:00000000
"""


def test_ports_that_are_listened_on_are_read_from_both_tables_and_connections_are_not() -> None:
    assert listeners_in(TABLE.splitlines()) == {80: "", 443: ""}


def test_ports_of_containers_come_with_their_ranges_and_without_udp() -> None:
    assert published_in("0.0.0.0:8000-8001->8000-8001/tcp, :::8000->8000/tcp, 53/udp") == (8000, 8001)
    assert published_in("0.0.0.0:53->53/udp") == published_in("") == ()


def test_each_taken_port_is_named_with_what_has_it() -> None:
    with pytest.raises(RefusedError) as refused:
        refuse_taken("dtr1", (443, 80, 8080), {80: "", 22: "sshd", 8080: "apache2"}, {443: "web"})
    assert refused.value.what == (
        "no replica can be put there: port 80 is taken by a process,"
        " port 443 is taken by container web, port 8080 is taken by apache2"
    )
    assert "registry.https_port" in refused.value.next_step


def test_free_ports_are_no_reason() -> None:
    refuse_taken("dtr1", (80, 443), {22: "sshd", 8080: ""}, {})
