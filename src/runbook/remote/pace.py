"""A limit on the bytes that all threads of a pass carry in a second."""

from collections.abc import Callable

from s3transfer.bandwidth import LeakyBucket, RequestExceededException, RequestToken, TimeUtils

Pace = Callable[[int], None]
"""Called with the number of bytes that were carried; returns when the next may be."""


def unlimited(_size: int) -> None:
    """Return at once."""


def paced(bytes_per_second: float, clock: TimeUtils | None = None) -> Pace:
    """Return a pace that all threads share; `clock` stands for time in tests."""
    time = clock or TimeUtils()
    bucket = LeakyBucket(int(bytes_per_second), time_utils=time)

    def wait(size: int) -> None:
        token = RequestToken()
        while True:
            try:
                bucket.consume(size, token)
            except RequestExceededException as exceeded:
                time.sleep(exceeded.retry_time)
            else:
                return

    return wait
