"""What `prefect deploy` does not tell: typing errors in prefect.yaml, and leftovers on the server."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from prefect import Flow

KNOWN_KEYS = {
    "name",
    "entrypoint",
    "description",
    "tags",
    "work_pool",
    "parameters",
    "concurrency_limit",
    "schedules",
    "enforce_parameter_schema",
}
SCHEDULE_KEYS = {"cron", "timezone", "slug"}


def read_deployments(path: Path) -> list[dict[str, Any]]:
    """Return the deployments of a prefect.yaml."""
    deployments: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))["deployments"]
    return deployments


def load_flow(entrypoint: str) -> Flow[..., Any]:
    """Return the flow at a module entrypoint `package.module.function`."""
    module, _, function = entrypoint.rpartition(".")
    loaded = getattr(importlib.import_module(module), function)
    if not isinstance(loaded, Flow):
        raise TypeError(f"{entrypoint} is not a flow")
    return loaded


def full_name(deployment: Mapping[str, Any]) -> str:
    """Return `flow/deployment` as the server names it."""
    return f"{load_flow(deployment['entrypoint']).name}/{deployment['name']}"


def problems(deployments: list[dict[str, Any]]) -> list[str]:
    """Return every mistake that `prefect deploy` would swallow."""
    found = []
    for deployment in deployments:
        name = full_name(deployment)
        found += [f"{name}: unknown key {key}" for key in sorted(set(deployment) - KNOWN_KEYS)]
        for schedule in deployment.get("schedules", []):
            found += [f"{name}: schedule: {key} is missing" for key in sorted(SCHEDULE_KEYS - set(schedule))]
            found += [f"{name}: schedule: unknown key {key}" for key in sorted(set(schedule) - SCHEDULE_KEYS)]
        wrong = set(deployment.get("parameters", {})) - set(
            load_flow(deployment["entrypoint"]).parameters.properties
        )
        found += [f"{name}: the flow has no parameter {key}" for key in sorted(wrong)]
    return found


def leftovers(deployments: list[dict[str, Any]], on_server: Mapping[str, list[str]]) -> list[str]:
    """Return what the server has and the file has not; `on_server` maps `flow/name` to schedule slugs."""
    wanted = {full_name(d): {s["slug"] for s in d.get("schedules", [])} for d in deployments}
    found = [f"{name}: is on the server and not in the file" for name in sorted(set(on_server) - set(wanted))]
    for name, slugs in wanted.items():
        found += [
            f"{name}: schedule {slug} is on the server and not in the file"
            for slug in on_server.get(name, [])
            if slug not in slugs
        ]
    return found
