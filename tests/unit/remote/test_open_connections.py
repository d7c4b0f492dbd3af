from runbook.remote.open_connections import count

TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0
   1: 050012C6:8A2C 0B0012C6:01BB 01 00000000:00000000 00:00000000 00000000     0
   2: 050012C6:8A2E 0B0012C6:01BB 06 00000000:00000000 00:00000000 00000000     0
   3: 050012C6:8A30 0B0012C6:0050 01 00000000:00000000 00:00000000 00000000     0
   4: 050012C6:8A32 0C0012C6:01BB 01 00000000:00000000 00:00000000 00000000     0
   0: 00000000000000000000000001000000:A0F8 B80D01200000000000000000BB000000:01BB 01 00000000:00000000
"""


def test_connections_that_are_open_to_the_place_are_counted_and_no_others() -> None:
    rows = TABLE.splitlines()
    assert count(rows, ["198.18.0.11"], [443, 80]) == 2
    assert count(rows, ["198.18.0.11"], [443]) == 1
    assert count(rows, ["2001:db8::bb"], [443]) == 1
    assert count(rows, ["198.18.0.13"], [443]) == 0
