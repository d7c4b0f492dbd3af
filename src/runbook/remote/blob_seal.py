"""Image data encrypted on its way into a vault and decrypted on its way out; its key says which it is."""

import hashlib
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import BinaryIO, Protocol, Self, runtime_checkable

from pydantic import SecretStr

from runbook.domain.errors import InvalidConfigError
from runbook.domain.sealed_blobs import MARK, SUFFIX, is_sealed
from runbook.remote.encryption import decrypt_stream, encrypt_stream
from runbook.remote.vault import VaultWriter

_AHEAD = 2  # pieces that may wait for encryption


class BlobSeal:
    """For whom new blobs are encrypted, if they are, and what opens those that were."""

    def __init__(
        self,
        recipients: Sequence[str] = (),
        identity: Callable[[], SecretStr] | None = None,
        *,
        new_blobs: bool = False,
    ) -> None:
        """Encrypt `new_blobs` for the recipients; `identity` is asked for when one is opened."""
        self._recipients, self._identity, self._new_blobs = recipients, identity, new_blobs

    def key(self, key: str) -> str:
        """Return the key under which a new blob is kept that has this one where it is plain.

        It says for whom the blob is encrypted: with other recipients it is copied anew, or they could not open it.
        """
        if not self._new_blobs:
            return key
        recipients = hashlib.sha256("\n".join(sorted(self._recipients)).encode())
        return f"{key}.{recipients.hexdigest()[:MARK]}{SUFFIX}"

    def opened(self, key: str, stored: BinaryIO, where: str) -> BinaryIO:
        """Return what the object holds in plain; closing it closes `stored`."""
        if not is_sealed(key):
            return stored
        if self._identity is None:
            stored.close()
            raise InvalidConfigError("vault.identity", f"{where} is encrypted", "name the key that opens it")
        return decrypt_stream(stored, self._identity(), where)

    def writer(
        self, key: str, inner: AbstractContextManager[VaultWriter]
    ) -> AbstractContextManager[VaultWriter]:
        """Return a writer that takes plain bytes for what `inner` stores."""
        return SealingWriter(inner, self._recipients) if is_sealed(key) else inner


class AsStored(BlobSeal):
    """Leaves image data as it is stored, encrypted or not: for what goes from vault to vault."""

    def opened(self, key: str, stored: BinaryIO, where: str) -> BinaryIO:  # noqa: ARG002 - as of one that opens
        """Return the object's own bytes."""
        return stored

    def writer(
        self,
        key: str,
        inner: AbstractContextManager[VaultWriter],  # noqa: ARG002 - as of one that encrypts
    ) -> AbstractContextManager[VaultWriter]:
        """Return a writer that stores what it is given."""
        return inner


@runtime_checkable
class Sealing(Protocol):
    """A vault that can keep blobs encrypted."""

    seal: BlobSeal


def new_key(vault: object, key: str) -> str:
    """Return the key under which `vault` keeps a new blob that has this one where it is plain."""
    return vault.seal.key(key) if isinstance(vault, Sealing) else key


def seals_new(vault: object) -> bool:
    """Tell whether `vault` encrypts new blobs."""
    return new_key(vault, "") != ""


def stored_size(sink: VaultWriter) -> int:
    """Return how many bytes are stored of what a writer took in plain, 0 where both are the same."""
    return sink.stored if isinstance(sink, SealingWriter) else 0


class SealingWriter:
    """Encrypts what is written. `size` counts the plain bytes, `stored` what the vault holds.

    age is pulled from, so it runs in a thread behind a short queue.
    """

    def __init__(self, inner: AbstractContextManager[VaultWriter], recipients: Sequence[str]) -> None:
        """Write to `inner`, for the recipients to open."""
        self._inner, self._recipients = inner, recipients
        self._pieces: queue.Queue[bytes | BaseException] = queue.Queue(_AHEAD)
        self._error: BaseException | None = None
        self.size = self.stored = 0
        self.etag = ""

    def write(self, data: bytes, /) -> int:
        """Take all of `data`."""
        if data:
            self._put(bytes(data))
            self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Do nothing; an encrypted chunk goes out when it is full."""

    def __enter__(self) -> Self:
        self._sink = self._inner.__enter__()
        self._thread = threading.Thread(target=self._encrypt, name="age-encrypt", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(error)
        if error is None and self._error is not None:
            self._inner.__exit__(type(self._error), self._error, self._error.__traceback__)
            raise self._error
        self._inner.__exit__(kind, error, trace)
        self.stored, self.etag = self._sink.size, self._sink.etag

    def _end(self, error: BaseException | None) -> None:
        """Leave no thread: it has written all to the end, or was told to give up."""
        try:
            self._put(b"" if error is None else error)
        except BaseException as exc:  # noqa: BLE001 - it is kept, and raised by the caller
            self._error = exc
        self._thread.join()

    def _put(self, piece: bytes | BaseException) -> None:
        while self._thread.is_alive():
            with suppress(queue.Full):
                self._pieces.put(piece, timeout=0.1)
                return
        if self._error is not None:
            raise self._error

    def _encrypt(self) -> None:
        try:
            encrypt_stream(_Pieces(self._pieces), self._sink, self._recipients)
        except BaseException as exc:  # noqa: BLE001 - it is raised where the bytes come from
            self._error = exc


class _Pieces:
    """The queue as a source; an exception in it is how its other end gives up."""

    def __init__(self, pieces: "queue.Queue[bytes | BaseException]") -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")
        self._ended = False

    def read(self, size: int, /) -> bytes:
        if not self._rest and not self._ended:
            self._take(self._pieces.get())
        data, self._rest = bytes(self._rest[:size]), self._rest[size:]
        return data

    def _take(self, piece: bytes | BaseException) -> None:
        if isinstance(piece, BaseException):
            raise piece
        self._rest, self._ended = memoryview(piece), not piece
