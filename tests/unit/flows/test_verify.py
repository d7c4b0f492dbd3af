from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest
import yaml
from prefect.logging import disable_run_logger
from typer.testing import CliRunner, Result

from flows import cli
from flows.verify import request_of
from runbook.domain.errors import InvalidConfigError, MismatchError
from runbook.domain.recovery import METADATA, Manifest, part_key
from runbook.domain.sampling import Budget
from runbook.domain.verification import Mode
from tests.fakes.cluster_connection import EXAMPLE, FakeCluster
from tests.fakes.clusters import alive
from tests.fakes.points import take_point


@dataclass
class Kept:
    """A folder with one recovery point, and a cluster file that names it."""

    cluster: FakeCluster
    point: Manifest
    file: Path

    def points(self, *arguments: str) -> Result:
        return CliRunner().invoke(cli.app, ["points", *arguments, "--cluster", str(self.file)])


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    (tmp_path / "vault").mkdir()
    cluster = FakeCluster(tmp_path / "vault", [alive(1)])
    with disable_run_logger():
        point = take_point(cluster)
    (tmp_path / "identity").write_text(cluster.identity.get_secret_value())
    content = yaml.safe_load(EXAMPLE.read_text())
    content["name"] = "lab"
    content["vault"] = {
        "url": f"file://{tmp_path}/vault",
        "recipients": list(point.recipients),
        "identity": f"file:{tmp_path}/identity",
    }
    file = tmp_path / "lab.yaml"
    file.write_text(yaml.safe_dump(content))
    return Kept(cluster, point, file)


def test_the_words_of_a_share_make_a_budget() -> None:
    assert request_of("sample", 2.5, None, None) == (Mode.SAMPLE, Budget(Fraction(5, 2)))
    assert request_of("sample", None, 7, 2) == (Mode.SAMPLE, Budget(None, 7, 120))
    assert request_of("quick", None, None, None) == (Mode.QUICK, None)


@pytest.mark.parametrize(
    ("mode", "percent", "what"),
    [("deep", None, "'deep' is no mode"), ("read back", None, "no mode"), ("full", 5.0, "it takes no share")],
)
def test_words_that_do_not_fit_together_are_refused(mode: str, percent: float | None, what: str) -> None:
    with pytest.raises(InvalidConfigError, match=what):
        request_of(mode, percent, None, None)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "recovery point {id}: sound; 3 objects, 2 blobs, "),
        (["{id}", "--full"], "recovery point {id}: sound; 3 objects, 2 blobs, "),
        (["--mode", "quick"], "{vault}: sound; quick: 1 points and "),
        (["--full"], "{vault}: sound; full: 1 points, 3 objects of theirs and 2 blobs read, "),
        (["--mode", "full"], "{vault}: sound; full: 1 points, 3 objects of theirs and 2 blobs read, "),
        (["--percent", "100"], "{vault}: sound; sample: 1 points, 3 objects of theirs and 2 blobs read, "),
    ],
    ids=["newest", "one in full", "quick", "full", "mode full", "sample"],
)
def test_a_sound_vault_is_said_to_be_sound(kept: Kept, arguments: list[str], said: str) -> None:
    words = {"id": kept.point.id, "vault": kept.cluster.vault.where}
    result = kept.points("verify", *(argument.format(**words) for argument in arguments))
    assert result.exit_code == 0, result.output
    assert said.format(**words) in result.stdout


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["2026", "--mode", "quick"], "it looks at all points"),
        (["--full", "--mode", "quick"], "it does not go with --mode quick"),
        (["--mode", "sample"], "no share is given"),
        (["--mode", "quick", "--bytes", "7"], "it takes no share"),
    ],
)
def test_arguments_that_do_not_fit_together_are_refused(kept: Kept, arguments: list[str], what: str) -> None:
    result = kept.points("verify", *arguments)
    assert isinstance(result.exception, InvalidConfigError)
    assert what in str(result.exception)


def row_of(kept: Kept) -> str:
    return next(line for line in kept.points("list").stdout.splitlines() if kept.point.id in line)


def test_the_list_shows_size_references_and_when_a_point_was_last_verified_and_how(kept: Kept) -> None:
    listed = kept.points("list").stdout.split()
    assert [w for w in listed if w.isalpha()][:9] == [
        "point",
        "age",
        "state",
        "version",
        "last",
        "verified",
        "tags",
        "references",
        "blobs",
    ]
    assert "verified   2.9.29    when it was taken   1 " in row_of(kept)
    kept.points("verify", "--full")
    assert "2.9.29    full, 0:00:0" in row_of(kept)


@pytest.mark.parametrize("arguments", [[], ["--mode", "quick"]], ids=["newest", "quick"])
def test_a_damage_ends_the_command_with_its_sentence_and_is_in_the_list(
    kept: Kept, arguments: list[str]
) -> None:
    kept.cluster.vault.delete(part_key("lab", kept.point.id, METADATA))
    for _ in range(2):  # what is known to be damaged is looked at again all the same
        result = kept.points("verify", *arguments)
        assert isinstance(result.exception, MismatchError)
        assert METADATA in str(result.exception)
    assert "damaged " in row_of(kept)


def test_a_point_that_is_gone_is_in_the_list(kept: Kept) -> None:
    for seen in list(kept.cluster.vault.list("lab/points/")):
        kept.cluster.vault.delete(seen.key)
    assert "it is gone: the catalogue" in row_of(kept)
