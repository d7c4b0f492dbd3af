"""Files on this machine that the cluster file names: which runbooks look at them before they begin."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from flows import check as check_module
from flows import install as install_module
from flows import repair as repair_module
from flows import replace as replace_module
from flows import scale_out as scale_out_module
from flows import upgrade as upgrade_module
from tasks.image_archive import check_image_archive
from tasks.registry_tls import check_registry_tls
from tests.fakes.cluster_connection import FakeCluster
from tests.fakes.runs import DirectRun


class LookedError(Exception):
    """The runbook has said what it looks at."""


@pytest.fixture
def looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """Return what a runbook looks at beyond what all do."""

    def begin(module: ModuleType, look: str, start: Callable[[], object]) -> list[Any]:
        also: list[Any] = []

        def looks(_run: Any, **asked: Any) -> None:
            also.extend(asked.get("also", ()))
            raise LookedError

        cluster = FakeCluster(tmp_path / "vault")
        monkeypatch.setattr(module, "Run", lambda flow, _name, **_options: DirectRun(flow, cluster))
        monkeypatch.setattr(module, look, looks)
        with pytest.raises(LookedError):
            start()
        return also

    return begin


@pytest.mark.parametrize(
    ("module", "look", "start"),
    [
        (check_module, "look", lambda: check_module.check.fn("lab")),
        (install_module, "preflight", lambda: install_module.install.fn("lab")),
        (install_module, "preflight", lambda: install_module.install.fn("lab", plan_only=True)),
        (scale_out_module, "preflight", lambda: scale_out_module.scale_out.fn("lab")),
        (upgrade_module, "preflight", lambda: upgrade_module.upgrade.fn("lab")),
        (repair_module, "preflight_around", lambda: repair_module.repair.fn("lab")),
        (replace_module, "preflight_around", lambda: replace_module.replace.fn("lab", "dtr1", "dtr2")),
    ],
    ids=["check", "install", "its plan", "scale-out", "upgrade", "repair", "replace"],
)
def test_who_needs_the_archive_of_images_looks_at_it_first(
    module: ModuleType,
    look: str,
    start: Callable[[], object],
    looked_at: Callable[..., list[Any]],
) -> None:
    assert check_image_archive in looked_at(module, look, start)


def test_check_looks_at_the_registrys_certificate(looked_at: Callable[..., list[Any]]) -> None:
    assert check_registry_tls in looked_at(check_module, "look", lambda: check_module.check.fn("lab"))
