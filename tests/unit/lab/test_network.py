from lab.network import octets_with_a_route

TABLE = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0100010A\t0003\t0\t0\t0\t00000000\t0\t0\t0
docker0\t00FF12C6\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
br-1\t004412C6\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
eth1\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
"""


def test_subnets_that_the_host_has_a_route_to_are_taken():
    assert octets_with_a_route(TABLE) == {255, 68}


def test_an_empty_table_takes_nothing():
    assert octets_with_a_route("Iface\tDestination\n") == set()
