import pytest

from runbook.domain.errors import RefusedError
from runbook.domain.taken_ports import listening_in, published_in, refuse_taken

TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 21 1
   1: 0100007F:1F90 0100007F:B4D2 01 00000000:00000000 00:00000000 00000000     0        0 22 1
  sl  local_address                         remote_address                        st
   0: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A 00000000:00000000
"""


def test_ports_that_are_listened_on_are_read_from_both_tables_and_connections_are_not() -> None:
    assert listening_in(TABLE) == {80, 443}


def test_ports_of_containers_are_named_by_their_container_ranges_too() -> None:
    listed = "web\t0.0.0.0:8000-8001->8000-8001/tcp, 53/udp\ndns\t0.0.0.0:53->53/udp\nbare\t\n"
    assert published_in(listed) == {8000: "web", 8001: "web"}


def test_each_taken_port_is_named_with_what_has_it() -> None:
    with pytest.raises(RefusedError) as refused:
        refuse_taken("dtr1", (80, 443), [80, 22], {443: "web"})
    assert refused.value.what == (
        "no replica can be put there: port 80 is taken by a program of the machine"
        " and port 443 is taken by the container web"
    )
    assert "registry.https_port" in refused.value.next_step


def test_free_ports_are_no_reason() -> None:
    refuse_taken("dtr1", (80, 443), [22, 8080], {})
