import io
import tarfile

from lab.files import tar_of, write_secret


def test_a_secret_file_is_readable_by_its_owner_alone_even_when_it_replaces_another(tmp_path):
    path = tmp_path / "a" / "secret"
    write_secret(path, "one")
    path.chmod(0o644)
    write_secret(path, "two")
    assert path.read_text() == "two\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_archive_brings_its_folders_and_keeps_ssh_closed_to_others():
    packed = io.BytesIO(tar_of({"root/.ssh/authorized_keys": b"key", "etc/lab/x": b""}))
    with tarfile.open(fileobj=packed) as archive:
        modes = {member.name: member.mode for member in archive.getmembers()}
    assert modes["root/.ssh"] == 0o700
    assert modes["root/.ssh/authorized_keys"] == 0o600
    assert modes["etc/lab"] == 0o755
