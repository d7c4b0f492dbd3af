import io
import sys
from pathlib import Path

import pytest

from runbook.domain.control_plane_backup import why_not_whole
from runbook.domain.errors import RefusedError, UnreachableError
from runbook.remote.control_plane_backup import ControlPlaneBackup, stream_control_plane
from runbook.remote.encryption import generate_identity
from runbook.remote.transport import ContainerRun
from tests.fakes.control_plane_archive import KEY, SEEN, control_plane_archive, without
from tests.fakes.local_transport import LocalTransport

IMAGE = "mirantis/ucp:3.7.12"
RECIPIENT = generate_identity()[1]


def backup_of(folder: Path, *lines: str, image: str = IMAGE) -> tuple[LocalTransport, ControlPlaneBackup]:
    """Return a backup whose program is a few lines of Python."""
    program = folder / "ucp.py"
    head = "import sys\nlog = lambda text: print(text, file=sys.stderr, flush=True)\n"
    program.write_text(head + "\n".join(lines))
    transport = LocalTransport(IMAGE, (sys.executable, str(program)))
    return transport, ControlPlaneBackup(transport, image)


def test_it_runs_by_its_name_beside_the_engine_and_without_any_secret(tmp_path: Path) -> None:
    transport, backup = backup_of(tmp_path, 'log(\'time="x" level=info msg="done"\')', "print('tar', end='')")
    with backup.stream() as archive:
        assert archive.read() == b"tar"
        archive.finish()
    wanted = ContainerRun(
        IMAGE, ("backup", "--no-passphrase"), interactive=True, name="ucp", uses_engine=True
    )
    assert transport.runs == [wanted]


@pytest.mark.parametrize("last", ["sys.exit(1)", 'log(\'time="x" level=fatal msg="no auth store"\')'])
def test_a_backup_that_ended_badly_is_refused_at_its_end(tmp_path: Path, last: str) -> None:
    _, backup = backup_of(tmp_path, "print('tar', end='', flush=True)", last)
    with backup.stream() as archive:
        assert archive.read() == b"tar"
        with pytest.raises(RefusedError, match="status 1|no auth store"):
            archive.finish()


def test_a_backup_beside_another_one_may_be_tried_again(tmp_path: Path) -> None:
    line = 'log(\'time="x" level=fatal msg="unable to back up: another backup is running"\')'
    _, backup = backup_of(tmp_path, line, "sys.exit(1)")
    with backup.stream() as archive, pytest.raises(UnreachableError, match="one backup at a time"):
        archive.finish()


def test_an_image_that_is_not_there_is_the_control_planes(tmp_path: Path) -> None:
    _, backup = backup_of(tmp_path, image="mirantis/ucp:9.9.9")
    with pytest.raises(RefusedError, match="No such image") as refused, backup.stream():
        pass
    assert refused.value.next_step.startswith("pull or load the control plane's image")


@pytest.mark.parametrize("step", [7, 512, 1 << 20])
def test_what_went_by_is_counted_however_it_is_cut(step: int) -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(step, size or 0) if size and size > 0 else step)

    data = control_plane_archive()
    seen = stream_control_plane(Slow(data), io.BytesIO(), [RECIPIENT], IMAGE)
    assert (seen.entries, seen.key_size, seen.ended_properly) == (27, 3, True)
    assert seen.part.plain_size == len(data)
    assert why_not_whole(seen) is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (control_plane_archive()[:10_000], "cut off"),
        (b"-----BEGIN PGP MESSAGE-----" * 40, "no tar archive that can be read"),
        (control_plane_archive(without("./ucp-swarm.json")), "it has 26 entries"),
        (control_plane_archive({**without(KEY), "./more": b""}), "it lacks ./ucp-controller"),
        (control_plane_archive({**without(KEY), KEY: None}), "it lacks ./ucp-controller"),
        (control_plane_archive({**SEEN, KEY: b""}), "key.pem is empty"),
    ],
    ids=["empty", "cut", "encrypted", "few", "no key", "a folder as key", "empty key"],
)
def test_an_archive_that_is_not_whole_is_told_from_one_that_is(data: bytes, words: str) -> None:
    seen = stream_control_plane(io.BytesIO(data), io.BytesIO(), [RECIPIENT], IMAGE)
    assert words in (why_not_whole(seen) or "")
