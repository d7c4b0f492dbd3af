"""What every vault promises: one suite over the folder and the bucket."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from runbook.domain.errors import RefusedError, UnreachableError
from runbook.remote.s3 import S3Settings, connect
from runbook.remote.vault import AlreadyThereError, ChangedError, NotThereError, Vault
from runbook.remote.vault_file import PARTIAL, FileVault
from runbook.remote.vault_s3 import S3Vault
from runbook.remote.vaults import open_vault
from tests.integration.recovery_fixtures import Endpoint, s3_endpoint

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with s3_endpoint() as seen:
        yield seen


@pytest.fixture(params=["file", "s3", "s3-at-a-prefix"])
def vault(request: pytest.FixtureRequest, tmp_path: Path, endpoint: Endpoint) -> Vault:
    if request.param == "file":
        (tmp_path / "vault").mkdir()
        return open_vault(f"file://{tmp_path}/vault")
    prefix = "some/where" if request.param.endswith("prefix") else ""
    return open_vault(f"s3://{endpoint.new_bucket()}/{prefix}", endpoint.settings)


def test_what_was_put_is_read_back(vault: Vault) -> None:
    vault.put_bytes("prod/a", b"one")
    assert vault.get_bytes("prod/a") == b"one"
    with vault.open("prod/a") as stream:
        assert stream.read() == b"one"


def test_put_overwrites_unless_told_not_to(vault: Vault) -> None:
    vault.put_bytes("a", b"one", only_if_absent=True)
    with pytest.raises(AlreadyThereError, match=r"Next: "):
        vault.put_bytes("a", b"two", only_if_absent=True)
    assert vault.get_bytes("a") == b"one"
    vault.put_bytes("a", b"three")
    assert vault.get_bytes("a") == b"three"


def test_only_one_of_many_puts_if_absent_wins(vault: Vault) -> None:
    won: list[int] = []

    def contend(number: int) -> None:
        try:
            vault.put_bytes("lock", str(number).encode(), only_if_absent=True)
            won.append(number)
        except AlreadyThereError:
            pass

    contenders = [threading.Thread(target=contend, args=(number,)) for number in range(8)]
    for contender in contenders:
        contender.start()
    for contender in contenders:
        contender.join()
    assert vault.get_bytes("lock") in {str(number).encode() for number in won}
    assert len(won) == 1 or isinstance(vault, S3Vault)  # the test server checks and stores in two steps


def test_replace_wants_the_entity_tag_that_was_read(vault: Vault) -> None:
    first = vault.put_bytes("a", b"one")
    data, etag = vault.get_with_etag("a")
    assert (data, etag) == (b"one", first)
    second = vault.replace_if("a", b"two", first)
    with pytest.raises(ChangedError):
        vault.replace_if("a", b"three", first)
    assert vault.get_with_etag("a") == (b"two", second)


def test_replace_refuses_when_the_object_is_gone(vault: Vault) -> None:
    etag = vault.put_bytes("a", b"one")
    vault.delete("a")
    with pytest.raises(ChangedError):
        vault.replace_if("a", b"two", etag)
    assert vault.head("a") is None


def test_an_entity_tag_differs_after_a_change_of_the_same_size(vault: Vault) -> None:
    assert vault.put_bytes("a", b"one") != vault.put_bytes("a", b"two")


def test_a_missing_object_is_said_to_be_missing(vault: Vault) -> None:
    assert vault.head("nope") is None
    for read in (vault.get_bytes, vault.get_with_etag, vault.open):
        with pytest.raises(NotThereError, match="nope"):
            read("nope")


def test_a_writer_commits_on_a_clean_exit(vault: Vault) -> None:
    with vault.writer("big/x") as sink:
        assert sink.write(b"a" * 10) == 10
        sink.write(b"b" * 5)
        assert vault.head("big/x") is None
    seen = vault.head("big/x")
    assert seen is not None
    assert (seen.size, seen.etag) == (15, sink.etag)
    assert sink.size == 15


def test_a_writer_commits_an_empty_object(vault: Vault) -> None:
    with vault.writer("empty"):
        pass
    assert vault.get_bytes("empty") == b""


def test_a_writer_that_fails_leaves_nothing(vault: Vault) -> None:
    with pytest.raises(OSError, match="the producer died"), vault.writer("big/x") as sink:
        sink.write(b"a" * 100)
        raise OSError("the producer died")
    assert vault.head("big/x") is None
    assert list(vault.list("")) == []


def test_a_writer_never_overwrites(vault: Vault) -> None:
    vault.put_bytes("x", b"first")
    with pytest.raises(AlreadyThereError), vault.writer("x") as sink:
        sink.write(b"second")
    assert vault.get_bytes("x") == b"first"


def test_lists_by_prefix_in_byte_order(vault: Vault) -> None:
    keys = ["a/b", "a-b", "a/b-c", "a/b/c", "b", "a.b", "ab", "a/B", "a/é"]
    for key in keys:
        if key != "a/b":  # a folder cannot hold both a/b and a/b/c
            vault.put_bytes(key, key.encode())
    listed = [(seen.key, seen.size) for seen in vault.list("")]
    assert listed == [(key, len(key.encode())) for key in sorted(set(keys) - {"a/b"})]
    assert [seen.key for seen in vault.list("a/b")] == ["a/b-c", "a/b/c"]
    assert [seen.key for seen in vault.list("a/")] == ["a/B", "a/b-c", "a/b/c", "a/é"]
    assert list(vault.list("nothing/here")) == []


def test_a_listing_shows_what_head_shows(vault: Vault) -> None:
    vault.put_bytes("p/a", b"one")
    (listed,) = vault.list("p/")
    assert listed == vault.head("p/a")
    assert listed.modified.tzinfo is not None


def test_delete_leaves_nothing_and_may_be_repeated(vault: Vault) -> None:
    vault.put_bytes("a", b"one")
    vault.delete("a")
    vault.delete("a")
    assert vault.head("a") is None


def test_many_are_deleted_at_once_and_it_may_be_repeated(vault: Vault) -> None:
    keys = [f"p/{number:04}" for number in range(30)]
    for key in keys:
        vault.put_bytes(key, b"x")
    assert vault.delete_many([*keys[1:], "p/absent"]) == {}
    assert vault.delete_many(keys[1:]) == {}
    assert vault.delete_many([]) == {}
    assert [seen.key for seen in vault.list("p/")] == keys[:1]


def test_a_bucket_says_which_objects_it_refuses_to_delete(endpoint: Endpoint) -> None:
    bucket = endpoint.new_bucket()
    vault = S3Vault(refusing(endpoint, "at/b"), bucket, "at")
    for key in ("a", "b"):
        vault.put_bytes(key, b"x")
    assert vault.delete_many(["a", "b"]) == {"b": "S3 answered AccessDenied: it is locked"}


def refusing(endpoint: Endpoint, key: str, code: str = "AccessDenied") -> "S3Client":
    """Return a client whose batches of deletions spare one key."""
    client = connect(endpoint.settings)

    def answer(parsed: dict[str, Any], **_: Any) -> None:
        parsed["Errors"] = [{"Key": key, "Code": code, "Message": "it is locked"}]

    client.meta.events.register("after-call.s3.DeleteObjects", answer)
    return client


def test_a_bucket_that_is_too_busy_to_delete_is_unreachable(endpoint: Endpoint) -> None:
    vault = S3Vault(refusing(endpoint, "a", "SlowDown"), endpoint.new_bucket())
    with pytest.raises(UnreachableError):
        vault.delete_many(["a"])


def test_what_a_bucket_has_no_more_is_deleted(endpoint: Endpoint) -> None:
    vault = S3Vault(refusing(endpoint, "a", "NoSuchKey"), endpoint.new_bucket())
    assert vault.delete_many(["a"]) == {}


def test_a_folder_says_which_files_it_does_not_delete(tmp_path: Path) -> None:
    vault = FileVault(tmp_path)
    vault.put_bytes("p/a/b", b"x")
    vault.put_bytes("p/c", b"x")
    assert vault.delete_many(["p/a", "p/c"]) == {"p/a": "Is a directory"}
    assert [seen.key for seen in vault.list("")] == ["p/a/b"]


def test_a_folder_that_has_lost_its_last_file_is_gone(tmp_path: Path) -> None:
    vault = FileVault(tmp_path)
    for key in ("prod/points/x/a", "prod/points/x/b", "top"):
        vault.put_bytes(key, b"x")
    vault.delete("prod/points/x/a")
    assert (tmp_path / "prod/points/x").is_dir()
    vault.delete("prod/points/x/b")
    vault.delete("top")
    assert not (tmp_path / "prod/points/x").exists()
    vault.put_bytes("prod/points/x/a", b"again")
    assert vault.get_bytes("prod/points/x/a") == b"again"


def test_writing_into_a_folder_that_others_empty_never_fails(tmp_path: Path) -> None:
    vault = FileVault(tmp_path)
    ended = threading.Event()

    def come_and_go() -> None:
        while not ended.is_set():
            vault.put_bytes("p/other", b"x")
            vault.delete("p/other")

    others = threading.Thread(target=come_and_go)
    others.start()
    try:
        for number in range(300):
            vault.put_bytes("p/mine", b"%d" % number)
            list(vault.list(""))
            vault.delete("p/mine")
    finally:
        ended.set()
        others.join()


def test_the_probe_leaves_no_trace(vault: Vault) -> None:
    vault.probe_writable("prod/")
    assert list(vault.list("")) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("a file")
    with pytest.raises(RefusedError, match=r"occupied.*\nNext: "):
        FileVault(tmp_path / "occupied").probe_writable()


def test_a_key_cannot_leave_the_folder(tmp_path: Path) -> None:
    for key in ("../x", "/x", "a//b", f"{PARTIAL}/x", ""):
        with pytest.raises(RefusedError, match="is no key"):
            FileVault(tmp_path).put_bytes(key, b"")


def test_a_folder_that_is_not_there_is_refused_and_never_made(tmp_path: Path) -> None:
    vault = FileVault(tmp_path / "mount" / "vault")
    for use in (lambda: vault.put_bytes("a", b""), lambda: list(vault.list("")), vault.probe_writable):
        with pytest.raises(RefusedError, match=r"vault: there is no such folder\nNext: mount it"):
            use()
    assert list(tmp_path.iterdir()) == []


def test_a_crashed_writer_of_a_folder_is_never_listed(tmp_path: Path) -> None:
    vault = FileVault(tmp_path)
    writer = vault.writer("a/b")
    writer.__enter__().write(b"half")
    assert list(vault.list("")) == []
    writer.__exit__(OSError, OSError("killed"), None)
    assert list((tmp_path / PARTIAL).iterdir()) == []


def test_a_bucket_that_does_not_exist_is_named(endpoint: Endpoint) -> None:
    with pytest.raises(RefusedError, match=r"s3://no-such-bucket.*does not exist\nNext: make the bucket"):
        open_vault("s3://no-such-bucket/x", endpoint.settings).probe_writable()


def test_half_a_pair_of_keys_is_refused() -> None:
    with pytest.raises(RefusedError, match="Partial credentials"):
        open_vault("s3://bucket", S3Settings("http://127.0.0.1:9", access_key="a"))


def test_a_refused_connection_is_unreachable(endpoint: Endpoint) -> None:
    client = connect(replace(endpoint.settings, endpoint_url="http://127.0.0.1:9", attempts=1))
    with pytest.raises(UnreachableError, match=r"s3://bucket.*127\.0\.0\.1:9"):
        S3Vault(client, "bucket").get_bytes("x")
