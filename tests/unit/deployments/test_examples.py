"""What stands in the examples as a comment is right too: each setting is un-commented in its turn."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from blocks.cluster import RegistryCluster
from blocks.settings import ClusterSettings

EXAMPLES = Path(__file__).parents[3] / "deployments" / "examples"
SETTING = re.compile(r"( *)# ([a-z_]+:( .*)?)")
BELOW = re.compile(r"( *)# ( .*)")
INSTEAD = re.compile(r"in place of ([a-z_]+)")


def commented() -> Iterator[tuple[str, int]]:
    """Yield each example with each number of a line that is a setting as a comment."""
    for example in sorted(EXAMPLES.glob("*.yaml")):
        lines = example.read_text(encoding="utf-8").splitlines()
        yield from ((example.name, n) for n, line in enumerate(lines) if SETTING.fullmatch(line))


def with_setting(lines: list[str], number: int) -> list[str]:
    """The lines of an example with the comment at this line as a setting, without what it takes the place of."""
    block = [number]
    while BELOW.fullmatch(lines[block[-1] + 1]):
        block.append(block[-1] + 1)
    instead = INSTEAD.search(lines[number])
    gone = f"{instead[1]}:" if instead else "nothing:"
    shown = [line.replace("# ", "", 1) if n in block else line for n, line in enumerate(lines)]
    return [line for line in shown if not line.strip().startswith(gone)]


def settings_of(lines: list[str], place: Path) -> ClusterSettings:
    place.write_text("\n".join(lines), encoding="utf-8")
    return RegistryCluster.from_file(place).settings


@pytest.mark.parametrize(("name", "number"), list(commented()))
def test_a_commented_setting_of_an_example_is_valid(tmp_path: Path, name: str, number: int) -> None:
    lines = (EXAMPLES / name).read_text(encoding="utf-8").splitlines()
    place = tmp_path / name
    assert settings_of(with_setting(lines, number), place) != settings_of(lines, place)


def test_the_examples_have_such_settings() -> None:
    assert len(list(commented())) >= 7
