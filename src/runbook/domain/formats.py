"""Formats that a later version of this program may write: refused rather than half understood."""

from collections.abc import Mapping
from typing import Any

from runbook.domain.errors import NewerFormatError


def refuse_newer(where: str, what: str, version: int, known: int) -> None:
    """Return if this program reads that version of `what`, else raise NewerFormatError."""
    if version > known:
        raise NewerFormatError(
            where,
            f"{what} has format version {version}, this program reads up to {known}",
            "use the newer version of this program",
        )


def refuse_newer_record(where: str, what: str, fields: Mapping[str, Any]) -> None:
    """Return for a lock or a hold of format version 1, which is what one without a version has."""
    refuse_newer(where, what, fields.get("format_version", 1), 1)
