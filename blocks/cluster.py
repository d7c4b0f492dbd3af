"""The `RegistryCluster` block and the cluster file: two spellings of the same settings."""

import re
from pathlib import Path
from typing import Any, Self, cast

import yaml
from prefect.blocks.core import Block
from prefect.exceptions import PrefectException
from pydantic import Field, ValidationError

from blocks.problems import problems_in
from blocks.setting_names import no_such_setting
from blocks.settings import ClusterSettings
from runbook.domain.errors import InvalidConfigError
from runbook.domain.versions import parse_version

_QUOTED = re.compile(r"'(?!<)[^']{2,}'")  # a name of the file; signs and <kinds> are YAML's own
FILE_SUFFIXES = frozenset({".yaml", ".yml"})


class RegistryCluster(Block):
    """One registry cluster: nodes, control plane, storage, load balancer and vault.

    Holds no secret, only where each is found: `env:NAME`, `file:PATH` or `block:NAME`.
    """

    _block_type_name = "Registry Cluster"
    _block_type_slug = "registry-cluster"
    _description = "A DTR / MSR 2.x cluster that the runbooks operate."

    settings: ClusterSettings = Field(description="The same as a cluster file holds")

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Return the cluster that a YAML file describes, its relative paths made absolute.

        Raises InvalidConfigError with all problems at once, each with its path.
        """
        content = _read_yaml(path)
        try:
            settings = ClusterSettings.model_validate(content, context={"folder": path.resolve().parent})
        except ValidationError as exc:
            problems = problems_in(exc, whole="the file", unknown=_unknown)
            count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
            raise InvalidConfigError(
                str(path), f"{count}: {'; '.join(problems)}", "correct the file, then run again"
            ) from exc
        return cls(settings=settings)


def load_cluster(name: str) -> RegistryCluster:
    """Return the cluster of a file (`*.yaml`, `*.yml`) or of the `RegistryCluster` block of that name."""
    if Path(name).suffix in FILE_SUFFIXES:
        return RegistryCluster.from_file(Path(name))
    try:
        return cast("RegistryCluster", RegistryCluster.load(name))
    except (ValueError, PrefectException) as exc:
        raise _unusable(name, str(exc).splitlines()[0]) from exc
    except RuntimeError as exc:  # Prefect's word for a block that does not pass validation
        if not isinstance(exc.__cause__, ValidationError):
            raise
        raise _unusable(name, "; ".join(problems_in(exc.__cause__, whole="the block"))) from exc


def in_version(settings: ClusterSettings, version: str | None) -> ClusterSettings:
    """Return the settings of the same cluster in another version, where one is given."""
    if version is None:
        return settings
    try:
        parse_version(version)
    except ValueError as exc:
        what = f"'{version}' is not a version like 2.10.4"
        raise InvalidConfigError("upgrade", what, "give the image's tag, three numbers") from exc
    content = settings.registry.model_dump() | {"version": version}
    try:
        registry = type(settings.registry).model_validate(content)
    except ValidationError as exc:
        what = f"with version {version}: {'; '.join(problems_in(exc, whole='registry'))}"
        raise InvalidConfigError("registry", what, "correct the cluster file, then run again") from exc
    return settings.model_copy(update={"registry": registry})


def _unusable(name: str, why: str) -> InvalidConfigError:
    next_step = f"write it with `runbook blocks push FILE`, where FILE has `name: {name}`"
    return InvalidConfigError(f"block {name}", f"cannot be loaded: {why}", next_step)


def _unknown(path: tuple[int | str, ...]) -> str:
    return no_such_setting(ClusterSettings, path)


def _read_yaml(path: Path) -> Any:
    where, next_step = str(path), "correct it, then run again"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise InvalidConfigError(
            where, f"cannot be read: {exc.strerror}", "give the path of a cluster file"
        ) from exc
    except UnicodeDecodeError:
        raise InvalidConfigError(where, "is not text in UTF-8", next_step) from None
    except yaml.YAMLError as exc:  # its own words and its cause quote the line, which may hold a secret
        raise InvalidConfigError(where, f"is not YAML: {_without_content(exc)}", next_step) from None
    if content is None:
        raise InvalidConfigError(where, "is empty", "start from one of deployments/examples")
    return content


def _without_content(error: yaml.YAMLError) -> str:
    """Return the place and the problem, without a word of the file."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return "it holds characters that YAML does not allow"
    mark, problem = error.problem_mark, _QUOTED.sub("'…'", error.problem or "")
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}"
