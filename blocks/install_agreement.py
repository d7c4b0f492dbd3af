"""What the parts of a cluster file that an install reads must agree on."""

from collections.abc import Iterator, Mapping
from typing import Any

from blocks.external_url import HTTP, HTTPS
from blocks.problems import Problem
from runbook.domain.versions import knows_nfs_options, parse_version


def install_disagrees(document: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield ports that are one, and mount options that this version does not take."""
    registry = _part(document, "registry")
    if registry.get("http_port", HTTP) == (https := registry.get("https_port", HTTPS)):
        yield Problem(("registry", "http_port"), f"{https} is the https_port too; choose another")
    nfs = _part(_part(document, "storage"), "nfs")
    if nfs.get("options") and not _takes_options(registry.get("version")):
        what = f"version {registry['version']} takes no mount options, 2.6.0 and later do; leave them out"
        yield Problem(("storage", "nfs", "options"), what)


def _takes_options(version: Any) -> bool:
    try:
        return knows_nfs_options(parse_version(str(version)))
    except ValueError:
        return True  # what is wrong with the version is told of the version


def _part(document: Any, key: str) -> Mapping[str, Any]:
    part = document.get(key) if isinstance(document, Mapping) else None
    return part if isinstance(part, Mapping) else {}
