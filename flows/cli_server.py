"""On the day of the disaster the Prefect server may be gone too: the command line goes on without it."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import typer
from prefect.settings import PREFECT_API_URL, temporary_settings

ANSWERS_WITHIN = 3.0


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
        return httpx.get(f"{url}/health", timeout=ANSWERS_WITHIN).is_success
    except httpx.HTTPError:
        return False
