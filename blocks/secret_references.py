"""References to secrets: a cluster file names where a secret is, it never holds one."""

import os
from pathlib import Path
from typing import Annotated, cast

from prefect.blocks.system import Secret
from pydantic import AfterValidator, SecretStr, ValidationInfo

from runbook.domain.errors import InvalidConfigError

KINDS = ("env:", "file:", "block:")


def check_reference(text: str, info: ValidationInfo) -> str:
    """Return the reference with its file path made absolute against the cluster file's folder."""
    if not text.startswith(KINDS):
        raise ValueError("must be env:NAME, file:PATH or block:NAME; a secret itself never stands here")
    folder = (info.context or {}).get("folder")
    if folder and text.startswith("file:"):
        return f"file:{Path(folder, text.removeprefix('file:'))}"
    return text


SecretReference = Annotated[str, AfterValidator(check_reference)]


def resolve(reference: str) -> SecretStr:
    """Return the secret that `env:NAME`, `file:PATH` or `block:NAME` (a Prefect Secret block) names.

    Raises InvalidConfigError when there is none.
    """
    kind, _, name = reference.partition(":")
    readers = {"env": _from_environment, "file": _from_file, "block": _from_block}
    return readers[kind](name)


def _from_environment(name: str) -> SecretStr:
    if name not in os.environ:
        raise InvalidConfigError(f"env:{name}", "is not set", f"export {name}, then run again")
    return SecretStr(os.environ[name])


def _from_file(path: str) -> SecretStr:
    try:
        return SecretStr(Path(path).read_text(encoding="utf-8").rstrip("\n"))
    except OSError as exc:
        raise InvalidConfigError(
            f"file:{path}", f"cannot be read: {exc.strerror}", "write the secret there, mode 0600"
        ) from exc


def _from_block(name: str) -> SecretStr:
    try:
        return SecretStr(str(cast("Secret[str]", Secret.load(name)).get()))
    except ValueError as exc:
        raise InvalidConfigError(
            f"block:{name}", "there is no such Secret block", f"create the Secret block {name} in Prefect"
        ) from exc
