"""How much each row works on."""

from dataclasses import dataclass

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Sizes:
    """The sizes of a run."""

    repositories: int  # of the bucket; each has 350 links
    bucket_blobs: int
    bucket_blob: int  # bytes
    folder_blobs: int
    folder_blob: int  # bytes
    body: int  # bytes of the part of a metadata archive that is repeated
    long_stream: int  # times that it is repeated in the long stream
    listed: int  # synthetic objects
    points: int


FULL = Sizes(20, 200, 800_000, 20_000, 64 * 1024, 1024 * MEBIBYTE, 8, 1_000_000, 10_000)
QUICK = Sizes(1, 200, 10_000, 500, 64 * 1024, 64 * MEBIBYTE, 2, 20_000, 500)
