"""The control plane's TOML configuration: registries, and where administrators may deploy."""

import tomllib
from http import HTTPStatus
from pathlib import Path
from typing import Any

from controlplane.store import write_atomically
from controlplane.wire import HttpError

DEFAULT = """\
[scheduling_configuration]
  enable_admin_ucp_scheduling = true
  default_node_orchestrator = "swarm"
"""
REGISTRY_KEYS = ("host_address", "service_id", "ca_bundle")


def why_invalid(text: str) -> str | None:
    """Return what is wrong with a configuration; None when nothing is."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        return f"not TOML: {exc}"
    registries = data.get("registries", [])
    if not isinstance(registries, list) or not all(isinstance(r, dict) for r in registries):
        return "registries: should be tables, [[registries]]"
    for index, registry in enumerate(registries):
        for key in REGISTRY_KEYS:
            if not isinstance(registry.get(key, ""), str):
                return f"registries/{index}/{key}: should be text"
    if not isinstance(_scheduling(data), bool):
        return "scheduling_configuration/enable_admin_ucp_scheduling: should be true or false"
    return None


def _scheduling(data: dict[str, Any]) -> Any:
    section = data.get("scheduling_configuration", {})
    return section.get("enable_admin_ucp_scheduling", False) if isinstance(section, dict) else None


class Configuration:
    """The configuration file."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "ucp-config.toml"
        if not self._path.exists():
            write_atomically(self._path, DEFAULT)

    @property
    def text(self) -> str:
        """The file as it was put there."""
        return self._path.read_text()

    def put(self, text: str) -> None:
        """Replace the file, or say what is wrong with the new one and keep the old."""
        if problem := why_invalid(text):
            raise HttpError(HTTPStatus.BAD_REQUEST, f"invalid configuration: {problem}")
        write_atomically(self._path, text)

    @property
    def admins_may_deploy_anywhere(self) -> bool:
        """Whether administrators may deploy on managers and on nodes that run the registry."""
        return bool(_scheduling(tomllib.loads(self.text)))
