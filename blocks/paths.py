"""Paths in a cluster file are relative to the folder that it stands in."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ValidationInfo


def _absolute(text: str, info: ValidationInfo) -> str:
    folder = (info.context or {}).get("folder")
    return str(Path(folder, text)) if folder else text


FilePath = Annotated[str, AfterValidator(_absolute)]
