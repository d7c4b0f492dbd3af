"""Lines of text kept compressed in memory: some 60 bytes for each line of an index."""

from collections.abc import Iterable, Iterator
from typing import BinaryIO

import zstandard

LINES_PER_FRAME = 4096


class PackedLines:
    """Lines in the order they were added; none of them holds a line's end."""

    def __init__(self, lines: Iterable[str] = ()) -> None:
        """Begin with `lines`."""
        # one context for all frames: a new one for each leaves 150 MB of holes behind a million entries
        self._compressor = zstandard.ZstdCompressor()
        self._frames: list[bytes] = []
        self._lines: list[str] = []
        self._count = 0
        for line in lines:
            self.append(line)

    def append(self, line: str) -> None:
        """Add a line."""
        self._lines.append(line)
        self._count += 1
        if len(self._lines) == LINES_PER_FRAME:
            self._frames.append(self._packed())
            self._lines.clear()

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        decompressor = zstandard.ZstdDecompressor()
        for frame in self._frames:
            yield from decompressor.decompress(frame).decode().split("\n")[:-1]
        yield from self._lines

    def packed(self) -> bytes:
        """Return all lines as `zstd -d` opens them."""
        return b"".join([*self._frames, self._packed()] if self._lines else self._frames)

    def _packed(self) -> bytes:
        return self._compressor.compress("".join(f"{line}\n" for line in self._lines).encode())


def unpacked(stream: BinaryIO) -> Iterator[str]:
    """Yield the lines of what `packed` returned; a zstandard.ZstdError says that it is something else."""
    reader = zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True)
    rest = b""
    while data := reader.read(1 << 20):
        *lines, rest = (rest + data).split(b"\n")
        yield from (line.decode() for line in lines)
