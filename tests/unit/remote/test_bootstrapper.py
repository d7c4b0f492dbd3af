import io
import logging
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from runbook.domain.commands import BackupSpec, InstallSpec, JoinSpec, RemoveSpec, RestoreSpec
from runbook.domain.errors import MismatchError, NotReadyError, RefusedError
from runbook.domain.versions import Version
from runbook.remote.bootstrapper import Bootstrapper
from runbook.remote.control_plane_api import ControlPlaneAccess
from tests.fakes.local_transport import LocalTransport

IMAGE = "lab/dtr:2.9.29"
PASSWORD = "a secret; $word\\"
ACCESS = ControlPlaneAccess("https://198.18.0.10", "admin", SecretStr(PASSWORD), "PEM")
A = "aaaaaaaaaaaa"


class Vendor:
    """A bootstrapper whose behaviour is a few lines of Python."""

    def __init__(self, folder: Path) -> None:
        self._program = folder / "bootstrapper.py"
        self.transport = LocalTransport(IMAGE, (sys.executable, str(self._program)))
        self.bootstrapper = Bootstrapper(self.transport, IMAGE, Version(2, 9, 29), ACCESS)

    def does(self, *lines: str) -> None:
        head = "import os, sys\nlog = lambda text: print(text, file=sys.stderr, flush=True)\n"
        self._program.write_text(head + "\n".join(lines))


@pytest.fixture
def vendor(tmp_path: Path) -> Vendor:
    return Vendor(tmp_path)


def test_install_returns_the_new_replica_and_what_was_said(vendor: Vendor) -> None:
    vendor.does("log('INFO[0001] Installation is complete')", f"log('INFO[0001] Replica ID is set to: {A}')")
    result = vendor.bootstrapper.install(InstallSpec("dtr1", "https://lb"))
    assert result.replica_id == A
    assert result.log[0] == "Installation is complete"


def test_lines_on_either_stream_count(vendor: Vendor) -> None:
    vendor.does(f"print('INFO[0001] Replica ID is set to: {A}')")
    assert vendor.bootstrapper.install(InstallSpec("dtr1", "https://lb")).replica_id == A


def test_the_password_is_in_the_environment_and_nowhere_else(
    vendor: Vendor, caplog: pytest.LogCaptureFixture
) -> None:
    vendor.does(
        f"assert os.environ['UCP_PASSWORD'] == {PASSWORD!r}",
        "log('INFO[0001] it is ' + os.environ['UCP_PASSWORD'])",
        f"log('INFO[0001] Replica ID is set to: {A}')",
    )
    with caplog.at_level(logging.DEBUG):
        result = vendor.bootstrapper.install(InstallSpec("dtr1", "https://lb"))
    assert PASSWORD not in " ".join([*vendor.transport.runs[0].args, *result.log, caplog.text])
    assert "********" in caplog.text


def test_lines_reach_the_log_at_their_own_level(vendor: Vendor, caplog: pytest.LogCaptureFixture) -> None:
    vendor.does("log('WARN[0001] careful')", "log('INFO[0001] well')", "log('FATA[0002] no')", "sys.exit(1)")
    with caplog.at_level(logging.DEBUG), pytest.raises(RefusedError):
        vendor.bootstrapper.destroy(A)
    levels = {record.message: record.levelno for record in caplog.records}
    assert levels == {
        f"replica {A}: careful": logging.WARNING,
        f"replica {A}: well": logging.INFO,
        f"replica {A}: no": logging.ERROR,
    }


def test_an_install_that_names_no_replica_is_not_believed(vendor: Vendor) -> None:
    vendor.does("log('INFO[0001] Installation is complete')")
    with pytest.raises(MismatchError, match="named no replica"):
        vendor.bootstrapper.install(InstallSpec("dtr1", "https://lb"))


def test_join_returns_count_and_advice(vendor: Vendor) -> None:
    vendor.does(
        f"log('INFO[0001] Replica ID is set to: {A}')",
        "log('INFO[0001] There are currently 2 replicas in your Docker Trusted Registry cluster')",
        "log('INFO[0001] You currently have an even number of replicas which can impact cluster availability')",
    )
    result = vendor.bootstrapper.join(JoinSpec("dtr2", "bbbbbbbbbbbb"))
    assert (result.replica_id, result.replica_count) == (A, 2)
    assert "even number" in result.warnings[0]


@pytest.mark.parametrize("status", [0, 1])
def test_a_fatal_line_is_a_failure_whatever_the_status(vendor: Vendor, status: int) -> None:
    vendor.does(
        "log('FATA[0003] Failed to log in to UCP: wrong user name or password')", f"sys.exit({status})"
    )
    with pytest.raises(RefusedError) as refused:
        vendor.bootstrapper.join(JoinSpec("dtr2", A))
    assert refused.value.where == "dtr2"
    assert refused.value.what == "Failed to log in to UCP: wrong user name or password"
    assert "user and password" in refused.value.next_step


def test_a_status_without_a_word_is_a_failure_too(vendor: Vendor) -> None:
    vendor.does("sys.exit(7)")
    with pytest.raises(RefusedError, match="ended with status 7"):
        vendor.bootstrapper.remove(RemoveSpec(A, ("bbbbbbbbbbbb",)))


def test_images_are_read_from_standard_output(vendor: Vendor) -> None:
    vendor.does("log('INFO[0000] x')", "print('lab/dtr:2.9.29\\nlab/dtr-api:2.9.29')")
    assert vendor.bootstrapper.images() == ("lab/dtr:2.9.29", "lab/dtr-api:2.9.29")
    assert vendor.transport.runs[0].secret_env == {}


def test_a_backup_is_the_binary_output_alone(vendor: Vendor) -> None:
    vendor.does("log('INFO[0000] x')", "sys.stdout.buffer.write(bytes(range(256)) * 4096)")
    with vendor.bootstrapper.backup(BackupSpec(A)) as archive:
        content = archive.read()
        archive.finish()
    assert content == bytes(range(256)) * 4096


@pytest.mark.parametrize("last", ["sys.exit(1)", "log('FATA[0009] lost contact with primary replica')"])
def test_a_backup_that_ended_badly_is_refused_at_its_end(vendor: Vendor, last: str) -> None:
    vendor.does("sys.stdout.buffer.write(b'x' * 100)", "sys.stdout.flush()", last)
    with vendor.bootstrapper.backup(BackupSpec(A)) as archive:
        assert archive.read() == b"x" * 100
        with pytest.raises(RefusedError):
            archive.finish()


def test_a_backup_that_nobody_reads_on_is_ended(vendor: Vendor) -> None:
    vendor.does("while True: sys.stdout.buffer.write(bytes(65536))")
    with pytest.raises(ZeroDivisionError), vendor.bootstrapper.backup(BackupSpec(A)) as archive:
        archive.read(100)
        raise ZeroDivisionError
    assert vendor.transport.running[0].process.returncode != 0


def test_restore_feeds_the_archive_and_hears_the_end(vendor: Vendor) -> None:
    vendor.does(
        "content = sys.stdin.buffer.read()",
        "print('noise ' * 100_000)",
        "assert content == bytes(range(256)) * 40_000",
    )
    vendor.bootstrapper.restore(RestoreSpec(A, "dtr1", "https://lb"), io.BytesIO(bytes(range(256)) * 40_000))


def test_a_restore_that_ends_before_the_archive_says_why(vendor: Vendor) -> None:
    vendor.does("log('FATA[0001] The backup is of version 2.4.1 but this is 2.9.29')", "sys.exit(1)")
    with pytest.raises(RefusedError, match=r"of version 2\.4\.1") as refused:
        vendor.bootstrapper.restore(RestoreSpec(A, "dtr1", "https://lb"), io.BytesIO(bytes(10_000_000)))
    assert "version" in refused.value.next_step


class BrokenSource:
    """An archive that turns out to be damaged."""

    def read(self, size: int, /) -> bytes:
        raise MismatchError("recovery point x", "it cannot be decrypted", "choose another")


def test_a_restore_whose_archive_breaks_is_ended(vendor: Vendor) -> None:
    vendor.does("sys.stdin.buffer.read()", "print('restored')")
    with pytest.raises(MismatchError, match="cannot be decrypted"):
        vendor.bootstrapper.restore(RestoreSpec(A, "dtr1", "https://lb"), BrokenSource())
    assert vendor.transport.running[0].process.returncode != 0


def test_the_time_of_each_command_is_kept_whatever_its_end_is(vendor: Vendor) -> None:
    vendor.does(f"log('INFO[0001] Replica ID is set to: {A}')")
    vendor.bootstrapper.install(InstallSpec("dtr1", "https://lb"))
    vendor.does("log('FATA[0001] no')", "sys.exit(1)")
    with pytest.raises(RefusedError):
        vendor.bootstrapper.destroy(A)
    assert len(vendor.bootstrapper.seconds) == 2
    assert all(seconds > 0 for seconds in vendor.bootstrapper.seconds)


def test_what_an_install_is_told_in_secret_is_in_the_environment_and_in_no_line(
    vendor: Vendor, caplog: pytest.LogCaptureFixture
) -> None:
    key = f"-----BEGIN PRIVATE KEY-----\n{'Zm9vYmFy' * 8}\nZg==\n-----END PRIVATE KEY-----\n"
    vendor.does(
        "for line in os.environ['DTR_KEY'].splitlines(): log('INFO[0001] key ' + line)",
        f"log('INFO[0001] Replica ID is set to: {A}')",
    )
    with caplog.at_level(logging.DEBUG):
        vendor.bootstrapper.install(InstallSpec("dtr1", "https://lb"), {"DTR_KEY": SecretStr(key)})
    assert "Zm9vYmFy" not in caplog.text
    assert not any("BEGIN" in word or "Zm9v" in word for word in vendor.transport.runs[0].args)


def test_an_upgrade_ends_with_the_vendors_words_where_it_fails(vendor: Vendor) -> None:
    vendor.does("log('INFO[0001] Upgrade to 2.10.4 is complete')")
    vendor.bootstrapper.upgrade(A)
    vendor.does("log('FATA[0001] 2.9.18 is older than 2.9.29, a downgrade is not supported')")
    with pytest.raises(RefusedError, match="a downgrade is not supported"):
        vendor.bootstrapper.upgrade(A)


SHORT = 0.3


def impatient(vendor: Vendor) -> Bootstrapper:
    """Return the same bootstrapper, waited for no longer than a moment."""
    return Bootstrapper(vendor.transport, IMAGE, Version(2, 9, 29), ACCESS, silence=SHORT)


def test_an_install_that_hangs_is_ended_and_the_error_says_where_to_look(vendor: Vendor) -> None:
    vendor.does("import signal", "log('INFO[0001] Waiting for DTR to start...')", "signal.pause()")
    with pytest.raises(NotReadyError, match="dtr1: the bootstrapper said nothing for") as hung:
        impatient(vendor).install(InstallSpec("dtr1", "https://lb"))
    assert "dtr-phase2" in hung.value.next_step
    assert "runbook check" in hung.value.next_step
    assert vendor.transport.running[0].process.returncode != 0


def test_a_restore_that_reads_no_more_is_ended(vendor: Vendor) -> None:
    vendor.does("import signal", "signal.pause()")
    with pytest.raises(NotReadyError):
        impatient(vendor).restore(RestoreSpec(A, "dtr1", "https://lb"), io.BytesIO(bytes(10_000_000)))


def test_a_backup_that_hangs_is_ended_while_it_is_read(vendor: Vendor) -> None:
    vendor.does(
        "import signal", "sys.stdout.buffer.write(b'x' * 100)", "sys.stdout.flush()", "signal.pause()"
    )
    with (
        pytest.raises(NotReadyError, match=f"replica {A}"),
        impatient(vendor).backup(BackupSpec(A)) as archive,
    ):
        archive.read()
        archive.finish()
