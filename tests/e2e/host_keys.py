"""A node that presents another host key than the pinned one."""

from collections.abc import Iterator
from contextlib import contextmanager

from lab import commands
from lab.topology import machine_named

_KEY = "/etc/ssh/ssh_host_ed25519_key"


@contextmanager
def other_host_key(name: str) -> Iterator[None]:
    """Give a node a new host key for the block, as if it had been set up anew or replaced."""
    machine = machine_named(name)
    assert machine
    with commands.open_lab() as lab:
        lab.run(machine, "cp", "-p", _KEY, f"{_KEY}.kept")
        lab.run(machine, "sh", "-c", f"rm {_KEY} && ssh-keygen -q -t ed25519 -N '' -f {_KEY}")
        lab.run(machine, "pkill", "-HUP", "-o", "sshd")
        try:
            yield
        finally:
            lab.run(machine, "mv", f"{_KEY}.kept", _KEY)
            lab.run(machine, "pkill", "-HUP", "-o", "sshd")
