"""One line per thing the lab does, with the seconds since the command began."""

import time

from rich.console import Console

_console = Console(highlight=False)
_began = time.monotonic()


def say(text: str) -> None:
    """Print the text after the elapsed seconds; safe from any thread."""
    elapsed = time.monotonic() - _began
    _console.print(f"[dim]{elapsed:6.1f} s[/dim]  {text}", soft_wrap=True)
