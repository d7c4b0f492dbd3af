import io
import os
import threading

import pytest
from pydantic import SecretStr

from runbook.domain.errors import InvalidConfigError, MismatchError
from runbook.remote.encryption import decrypt_stream, encrypt_stream, generate_identity, recipient_of

DATA = os.urandom(300_000)


def encrypted(data: bytes, *recipients: str) -> bytes:
    sink = io.BytesIO()
    encrypt_stream(io.BytesIO(data), sink, recipients)
    return sink.getvalue()


def test_any_recipient_can_open_it() -> None:
    one, other = generate_identity(), generate_identity()
    stored = encrypted(DATA, one[1], other[1])
    for identity, _ in (one, other):
        assert decrypt_stream(io.BytesIO(stored), identity, "x").read() == DATA


def test_another_identity_cannot() -> None:
    stored = encrypted(DATA, generate_identity()[1])
    with pytest.raises(
        MismatchError, match="x: it cannot be decrypted.*\nNext: check that this is the private key"
    ):
        decrypt_stream(io.BytesIO(stored), generate_identity()[0], "x").read()


@pytest.mark.parametrize("place", [0, 30, 250, 400, 70_000, 200_000, -1])
def test_one_changed_byte_anywhere_is_found(place: int) -> None:
    identity, recipient = generate_identity()
    stored = bytearray(encrypted(DATA, recipient))
    stored[place] ^= 1
    with pytest.raises(MismatchError):
        decrypt_stream(io.BytesIO(bytes(stored)), identity, "x").read()


@pytest.mark.parametrize("keep", [0, 10, 303, 303 + 65_552, 200_000])
def test_a_cut_stream_is_found_even_between_chunks(keep: int) -> None:
    identity, recipient = generate_identity()
    with pytest.raises(MismatchError):
        decrypt_stream(io.BytesIO(encrypted(DATA, recipient)[:keep]), identity, "x").read()


def test_an_error_of_the_source_comes_out_as_it_was() -> None:
    class Cut(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise ConnectionResetError("the node is gone")

    with pytest.raises(ConnectionResetError, match="the node is gone"):
        encrypt_stream(Cut(), io.BytesIO(), [generate_identity()[1]])
    with pytest.raises(ConnectionResetError, match="the node is gone"):
        decrypt_stream(Cut(), generate_identity()[0], "x").read()


def test_an_error_of_the_sink_comes_out_as_it_was() -> None:
    class Full:
        def write(self, data: bytes, /) -> int:
            raise OSError(28, "no space left")

        def flush(self) -> None: ...

    with pytest.raises(OSError, match="no space left"):
        encrypt_stream(io.BytesIO(DATA), Full(), [generate_identity()[1]])


def test_closing_early_ends_the_thread_and_the_source() -> None:
    identity, recipient = generate_identity()
    source = io.BytesIO(encrypted(DATA * 20, recipient))
    stream = decrypt_stream(source, identity, "x")
    assert stream.read(10) == DATA[:10]
    stream.close()
    assert source.closed
    assert not [thread for thread in threading.enumerate() if thread.name == "age-decrypt"]


def test_keys_that_are_none_are_refused_without_being_shown() -> None:
    with pytest.raises(InvalidConfigError, match="vault.recipients"):
        encrypt_stream(io.BytesIO(), io.BytesIO(), ["age1nonsense"])
    with pytest.raises(InvalidConfigError, match="nobody could open"):
        encrypt_stream(io.BytesIO(), io.BytesIO(), [])
    with pytest.raises(InvalidConfigError, match=r"vault.identity") as caught:
        recipient_of(SecretStr("AGE-SECRET-KEY-1NONSENSE"))
    assert "NONSENSE" not in str(caught.value)


def test_a_key_file_with_comments_is_taken() -> None:
    identity, recipient = generate_identity()
    text = f"# created: 2026-11-22\n# public key: {recipient}\n{identity.get_secret_value()}\n"
    assert recipient_of(SecretStr(text)) == recipient
