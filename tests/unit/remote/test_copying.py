import hashlib
from pathlib import Path

import pytest

from runbook.domain.errors import MismatchError
from runbook.remote.copying import CheapestCopier, Copied, StreamedCopier, Wanted, copier_between, is_md5
from runbook.remote.s3 import ForbiddenError
from runbook.remote.vault_file import FileVault

DATA = b"layer" * 1000
DIGEST = f"sha256:{hashlib.sha256(DATA).hexdigest()}"
WANTED = Wanted("here", "there", len(DATA), digest=DIGEST)


class Forbidding:
    """A server that does not let these credentials read the source."""

    def __init__(self) -> None:
        self.asked = 0

    def copy(self, wanted: Wanted) -> Copied:
        self.asked += 1
        raise ForbiddenError("s3://bucket", "S3 answered 403 AccessDenied", "check the rights")


@pytest.fixture
def ends(tmp_path: Path) -> tuple[FileVault, FileVault]:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    source, target = FileVault(tmp_path / "a"), FileVault(tmp_path / "b")
    source.put_bytes("here", DATA)
    return source, target


def test_bytes_are_hashed_while_they_are_copied(ends: tuple[FileVault, FileVault]) -> None:
    assert copier_between(*ends).copy(WANTED).sha256 == DIGEST[7:]
    assert ends[1].get_bytes("there") == DATA


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (Wanted("here", "there", 1), "has 5000 bytes and was listed with 1"),
        (Wanted("here", "there", len(DATA), digest="sha256:0"), "hashes to sha256:.*, not to sha256:0"),
    ],
)
def test_nothing_is_kept_of_a_copy_that_is_not_what_it_should_be(
    ends: tuple[FileVault, FileVault], wanted: Wanted, reason: str
) -> None:
    with pytest.raises(MismatchError, match=reason):
        copier_between(*ends).copy(wanted)
    assert list(ends[1].list("")) == []


def test_a_server_that_forbids_is_asked_once_and_then_data_is_streamed(
    ends: tuple[FileVault, FileVault],
) -> None:
    server = Forbidding()
    cheapest = CheapestCopier(server, StreamedCopier(*ends))
    cheapest.copy(WANTED)
    cheapest.copy(Wanted("here", "again", len(DATA)))
    assert server.asked == 1
    assert ends[1].get_bytes("again") == DATA


def test_a_refusal_of_both_ways_is_said() -> None:
    with pytest.raises(ForbiddenError):
        CheapestCopier(Forbidding(), Forbidding()).copy(WANTED)


def test_only_the_tag_of_a_whole_object_is_its_md5() -> None:
    assert is_md5(hashlib.md5(DATA, usedforsecurity=False).hexdigest())
    assert not is_md5("9429e8ae83a6337f56b3311bd8a5705e-4")
