"""Rules that no single module can keep: imports, names, errors, deployments."""

import ast
import importlib
import importlib.metadata
import pickle
import pkgutil
import sys
from pathlib import Path

import pytest
from prefect import Flow

import blocks
import flows
import tasks
from deployments.check import load_flow, problems, read_deployments
from runbook.domain import errors

ROOT = Path(__file__).parent.parent
DEPLOYMENTS = read_deployments(ROOT / "prefect.yaml")


def subclasses(kind: type) -> set[type]:
    return {kind}.union(*(subclasses(child) for child in kind.__subclasses__()))


@pytest.mark.parametrize("package", [flows, tasks, blocks], ids=lambda package: package.__name__)
def test_no_module_is_called_like_a_library(package: object) -> None:
    names = {module.name for module in pkgutil.iter_modules(package.__path__)}  # type: ignore[attr-defined]
    libraries = set(sys.stdlib_module_names) | set(importlib.metadata.packages_distributions())
    assert not {name for name in names if name in libraries and not name.startswith("__")}


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda d: d["entrypoint"])
def test_every_entrypoint_is_a_module_path_to_a_flow(deployment: dict[str, str]) -> None:
    assert ":" not in deployment["entrypoint"]
    assert isinstance(load_flow(deployment["entrypoint"]), Flow)


def test_prefect_yaml_holds_nothing_that_prefect_would_swallow() -> None:
    assert problems(DEPLOYMENTS) == []


def test_every_schedule_has_a_slug_and_a_time_zone_and_no_active_key() -> None:
    schedules = [schedule for d in DEPLOYMENTS for schedule in d.get("schedules", [])]
    assert schedules
    assert all(set(schedule) == {"cron", "timezone", "slug"} for schedule in schedules)


def test_every_error_survives_pickling_with_its_three_texts() -> None:
    for module in pkgutil.walk_packages(["src/runbook"], "runbook."):
        importlib.import_module(module.name)
    for kind in subclasses(errors.RunbookError):
        copy = pickle.loads(pickle.dumps(kind("where", "what", "next")))
        assert (type(copy), str(copy)) == (kind, "where: what\nNext: next")


def test_every_kind_of_error_has_its_own_documented_exit_status() -> None:
    statuses = [kind.exit_status for kind in errors.RunbookError.__subclasses__()]
    assert len(statuses) == len(set(statuses))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"| {status.value} |" in readme for status in errors.ExitStatus)


def test_the_lock_pins_the_versions_that_prefect_works_with_and_names_no_index() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pins = dict(line.split("==") for line in lock.replace(" \\", "").splitlines() if "==" in line[:60])
    assert pins["prefect"] == "3.8.8"
    assert tuple(map(int, pins["fastapi"].split(".")[:2])) < (0, 151)
    assert tuple(map(int, pins["sqlalchemy"].split(".")[:2])) < (2, 1)
    assert "://" not in lock
    assert lock.count("--hash=sha256:") > len(pins)


def test_no_module_but_the_table_of_versions_compares_versions() -> None:
    sources = (path for top in ("src", "flows", "tasks", "blocks") for path in (ROOT / top).rglob("*.py"))
    with_versions = (path for path in sources if "domain.versions import" in path.read_text(encoding="utf-8"))
    assert {path.name: found for path in with_versions if (found := compared_versions(path))} == {}


def compared_versions(path: Path) -> list[str]:
    """Return where versions are put in order: an ordering of what is called a version, or one that is spelled out."""
    orders = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        ordered = isinstance(node, ast.Compare) and any(isinstance(op, orders) for op in node.ops)
        text = ast.unparse(node) if isinstance(node, ast.Compare | ast.Call) else ""
        if (ordered and "version" in text.lower()) or text.startswith("Version("):
            found.append(f"line {node.lineno}: {text}")  # type: ignore[attr-defined]
    return found
