"""On the day of the disaster the Prefect server may be gone too: the command line goes on without it."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import typer
from prefect.settings import PREFECT_API_URL, temporary_settings

TAKES_A_CALL_WITHIN = 3.0
"""Seconds for a connection: a machine that is off is found out quickly."""
ANSWERS_WITHIN = 60.0
"""Seconds for an answer: who takes the call lives, and may be busy, as in the minutes of a disaster."""


@contextmanager
def server_or_none() -> Iterator[None]:
    """Use the configured Prefect server inside the block if it answers, else the temporary one of this process."""
    url = PREFECT_API_URL.value()
    if not url or _answers(url):
        yield
        return
    typer.secho(f"Prefect server {url} does not answer: going on without it", fg="yellow", err=True)
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        yield


def _answers(url: str) -> bool:
    try:
        limits = httpx.Timeout(ANSWERS_WITHIN, connect=TAKES_A_CALL_WITHIN)
        return httpx.get(f"{url}/health", timeout=limits).is_success
    except httpx.HTTPError:
        return False
