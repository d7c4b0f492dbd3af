"""Image data that is encrypted by us: stored beside the plain one of the same name, with a suffix.

A blob's plain size is known from the storage and its stored size from a listing. age adds 16 bytes to each 64 KiB and
a header whose length depends on the recipients and on some random filling.
"""

import re

SUFFIX = ".age"
MARK = 8  # hex digits that say for whom it is encrypted
_ENDING = re.compile(rf"\.[0-9a-f]{{{MARK}}}\{SUFFIX}\Z")
_BLOBS, _NAMINGS = "blobs", {"sha256", "id"}
_CHUNK, _TAG, _NONCE = 64 * 1024, 16, 16
_HEADER = range(100, 64 * 1024)


def is_sealed(key: str) -> bool:
    """Tell whether what is under this key, of a vault or of an index, is encrypted image data."""
    first, _, rest = key.partition("/")
    second = rest.partition("/")[0]
    return key.endswith(SUFFIX) and (second == _BLOBS or (first == _BLOBS and second in _NAMINGS))


def plain_key(key: str) -> str:
    """Return the key that the blob has where it is not encrypted."""
    return _ENDING.sub("", key).removesuffix(SUFFIX) if is_sealed(key) else key


def why_not_size(key: str, size: int, stored: int, seen: int) -> str | None:
    """Say that `seen` bytes cannot be a blob of `size` bytes under `key`, None if they can.

    `stored` is how many there were when it was written, 0 where that is not known.
    """
    if stored or not is_sealed(key):
        wanted = stored or size
        return None if seen == wanted else f"has {seen} bytes in the vault, the index says {wanted}"
    header = seen - _NONCE - size - _TAG * max(1, -(-size // _CHUNK))
    return (
        None
        if header in _HEADER
        else f"has {seen} bytes in the vault, too few or too many for {size} encrypted"
    )
