"""The S3 endpoint's Python packages, taken from this project's own environment.

They were installed there from the lock with their hashes; the image has the same Python.
"""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

from runbook.domain.errors import RefusedError

_ROOTS = ("moto[s3]", "flask", "flask-cors")
_IMAGE_PYTHON = (3, 11)


def fingerprint() -> str:
    """Return the names and exact versions of the packages."""
    return "\n".join(sorted(f"{name}=={found.version}" for name, found in _closure().items()))


def files(below: str) -> Iterator[tuple[str, Path]]:
    """Yield every file of the packages, with its name below that folder."""
    if sys.version_info[:2] != _IMAGE_PYTHON:
        raise RefusedError(
            "S3 image",
            f"this environment's Python is {sys.version_info[0]}.{sys.version_info[1]}, the image's is 3.11",
            "make the environment with Python 3.11, then rerun",
        )
    for _, found in sorted(_closure().items()):
        for file in found.files or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                yield below + str(file), Path(str(file.locate()))


def _closure() -> dict[str, Distribution]:
    """Return the packages that the roots need, themselves included."""
    found: dict[str, Distribution] = {}
    waiting = [Requirement(root) for root in _ROOTS]
    seen: set[str] = set()
    while waiting:
        wanted = waiting.pop()
        if str(wanted) in seen:
            continue
        seen.add(str(wanted))
        name = re.sub(r"[-_.]+", "-", wanted.name).lower()
        found[name] = distribution(name)
        for extra in ("", *wanted.extras):
            waiting += _needed_by(found[name], extra)
    return found


def _needed_by(found: Distribution, extra: str) -> list[Requirement]:
    """Return what a package needs on this machine, with one of its extras or none."""
    needs = (Requirement(text) for text in found.requires or ())
    return [need for need in needs if need.marker is None or need.marker.evaluate({"extra": extra})]
