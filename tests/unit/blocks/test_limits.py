"""What a cluster file limits."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blocks.cluster import RegistryCluster
from runbook.domain.errors import InvalidConfigError
from runbook.domain.metadata import SizeBand
from tests.unit.blocks.test_cluster import change


def test_limits_and_band_are_what_the_file_says_and_have_defaults(tmp_path: Path) -> None:
    vault = RegistryCluster.from_file(change(tmp_path, lambda d: None)).settings.vault
    assert (vault.limits.copying.workers, vault.limits.copying.bytes_per_second) == (16, None)
    assert vault.size_band.band == SizeBand()

    def tighten(document: dict[str, Any]) -> None:
        document["vault"]["limits"] = {"concurrency": 4, "megabytes_per_second": 2.5, "max_parts": 1000}
        document["vault"]["size_band"] = {"smallest": 0.8, "largest": 2}

    vault = RegistryCluster.from_file(change(tmp_path, tighten)).settings.vault
    assert (vault.limits.copying.workers, vault.limits.copying.bytes_per_second) == (4, 2_500_000)
    assert (vault.limits.max_parts, vault.size_band.band) == (1000, SizeBand(0.8, 2.0))


@pytest.mark.parametrize(
    ("edit", "path"),
    [
        (lambda v: v.update(limits={"concurrency": 65}), "vault.limits.concurrency"),
        (lambda v: v.update(limits={"megabytes_per_second": 0}), "vault.limits.megabytes_per_second"),
        (lambda v: v.update(limits={"max_parts": 10_001}), "vault.limits.max_parts"),
        (lambda v: v.update(size_band={"smallest": 1.5}), "vault.size_band.smallest"),
    ],
)
def test_a_limit_out_of_range_is_named(
    tmp_path: Path, edit: Callable[[dict[str, Any]], object], path: str
) -> None:
    with pytest.raises(InvalidConfigError, match=path):
        RegistryCluster.from_file(change(tmp_path, lambda d: edit(d["vault"])))
