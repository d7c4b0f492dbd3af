import paramiko

from lab.ssh_keys import host_key, make_ssh_keys
from lab.topology import BALANCER, EVERY_MACHINE, Topology


def test_keys_are_read_by_an_ssh_client_and_pinned_by_address(tmp_path):
    make_ssh_keys(Topology("rrl-00000002", 7), tmp_path)
    assert paramiko.Ed25519Key.from_private_key_file(str(tmp_path / "id_ed25519")).get_name() == "ssh-ed25519"
    known = paramiko.HostKeys(str(tmp_path / "known_hosts"))
    assert len(known) == sum(machine.has_ssh for machine in EVERY_MACHINE)
    pinned = known["198.18.7.40"]["ssh-ed25519"]
    assert host_key(BALANCER, tmp_path) == f"ssh-ed25519 {pinned.get_base64()}"
    assert (tmp_path / "id_ed25519").stat().st_mode & 0o777 == 0o600
