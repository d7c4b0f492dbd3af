"""The two pages that show the ports say what the table of the runbooks says."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from runbook.domain.port_matrix import ALL, MANAGERS, RULES
from runbook.domain.topology import NodeRole

DOCS = Path(__file__).parents[3] / "docs"
WORDS = {"managers": MANAGERS, "all nodes": ALL}
"""Rows between other machines are of no rule."""
Way = tuple[int, frozenset[NodeRole], frozenset[NodeRole]]


def test_the_page_of_check_shows_every_rule_once_with_its_level() -> None:
    shown = Counter(
        (*way, row[3] == "blocks")
        for row in table("check", "port")
        for way in ways(row[0], on=row[1], called_by=row[2])
    )
    assert shown == Counter((rule.port, rule.on, rule.called_by, rule.vital) for rule in RULES)


def test_the_page_of_install_shows_every_rule_once() -> None:
    shown = Counter(
        way for row in table("install", "from") for way in ways(tcp_of(row[2]), on=row[1], called_by=row[0])
    )
    assert shown == Counter((rule.port, rule.on, rule.called_by) for rule in RULES)


def table(page: str, first: str) -> list[list[str]]:
    """The rows of the page's table that begins with this column."""
    lines = iter((DOCS / f"{page}.md").read_text(encoding="utf-8").splitlines())
    next(line for line in lines if line.startswith(f"| {first} |"))
    next(lines)
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def tcp_of(ports: str) -> str:
    """What stands before `/tcp`."""
    return ports.partition("/tcp")[0] if "/tcp" in ports else ""


def ways(ports: str, *, on: str, called_by: str) -> Iterator[Way]:
    """Every port that a row shows between managers and nodes."""
    if on in WORDS and called_by in WORDS:
        for number in re.findall(r"\d+", ports):
            yield int(number), WORDS[on], WORDS[called_by]
