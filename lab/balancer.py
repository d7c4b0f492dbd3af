"""The load balancer's first configuration: no replica behind it."""

from lab.faults import Lab
from lab.topology import BALANCER

_FIRST = "/usr/local/share/lab/haproxy.cfg"
_CURRENT = "/etc/haproxy/haproxy.cfg"


def restore_first_configuration(lab: Lab) -> None:
    """Leave the balancer as its image has it."""
    lab.run(BALANCER, "cp", _FIRST, _CURRENT)
    lab.run(BALANCER, "service", "haproxy", "reload")
