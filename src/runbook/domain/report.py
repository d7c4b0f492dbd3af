"""What a run saw, did and how long each part took: the text of its one artifact."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from runbook.domain.findings import Finding, Level
from runbook.domain.plans import Plan, Step


@dataclass(frozen=True)
class Phase:
    """One step of the run and how many seconds it took."""

    name: str
    seconds: float


@dataclass
class Report:
    """Grows while the run goes on; rendered once at its end, whatever that end is."""

    flow: str
    cluster: str
    run: str
    findings: tuple[Finding, ...] = ()
    plan: Plan | None = None
    did: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)
    failure: str | None = None
    state: str = "running"

    def note_overhead(self, whole: float, commands: float) -> None:
        """Say how much of the run the vendor's commands took, if there were any: the rest is ours."""
        if commands:
            self.notes.append(
                f"bootstrapper {commands:.1f} s of {whole:.1f} s: the run took {whole / commands:.2f} × its commands"
            )

    def planned(self) -> "Report":
        """Return this report as that of a run that only showed its plan."""
        self.state = "planned, nothing was touched"
        return self

    def judged(self) -> "Report":
        """Return this report, whose title says how many findings block, if any do."""
        blocking = sum(found.level is Level.BLOCKS for found in self.findings)
        if blocking:
            self.state = f"{blocking} finding{'s block' if blocking > 1 else ' blocks'}"
        return self

    def to_markdown(self) -> str:
        """Return the report; sections without content are left out."""
        result = f"**failed**\n\n```\n{self.failure}\n```" if self.failure else f"**{self.state}**"
        sections = [
            f"# {self.flow} {self.cluster}\n\nrun `{self.run}`: {result}",
            _bullets("What to know", self.notes),
            _table("What was done", ("where", "did", "what", "why"), [_cells(step) for step in self.did]),
            f"## Plan\n\n{self.plan.to_markdown()}" if self.plan else "",
            findings_table(self.findings),
            _table(
                "How long it took", ("step", "seconds"), [(p.name, f"{p.seconds:.1f}") for p in self.phases]
            ),
        ]
        return "\n\n".join(section for section in sections if section) + "\n"


def findings_table(findings: Sequence[Finding]) -> str:
    """Return the findings as a section, empty without one."""
    return _table("What was found", ("where", "level", "what", "next"), [_found(f) for f in findings])


def _cells(step: Step) -> tuple[str, ...]:
    return step.where, step.action, step.what, step.reason


def _found(finding: Finding) -> tuple[str, ...]:
    return finding.where, finding.level, finding.what, finding.next_step


def _bullets(title: str, lines: Sequence[str]) -> str:
    return f"## {title}\n\n" + "\n".join(f"- {line}" for line in lines) if lines else ""


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    lines = [columns, ["---"] * len(columns), *rows]
    return f"## {title}\n\n" + "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
