"""The story's end: a table for people, `var/demo-report.json` for programs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from lab.demo.deployed_runs import DeployedRun
from lab.demo.flows import COMPARED
from lab.paths import VAR

REPORT = VAR / "demo-report.json"


@dataclass(frozen=True)
class StoryStep:
    """One step; `run` is None for what no deployment can do: bringing up the lab itself."""

    name: str
    run: DeployedRun | None
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What came out. RTO: from the loss to the end of the restore. RPO: from the restored point to the loss."""

    steps: Sequence[StoryStep]
    complete: bool
    compared: dict[str, Any]  # images, settings_equal and late_image_gone, as lab-compare left them
    rto_seconds: float | None
    rpo_seconds: float | None
    ui_url: str

    @property
    def holds(self) -> bool:
        """True when every step completed, and every image, the late one's loss and metadata are as they must be."""
        images = self.compared["images"]
        every_image = bool(images) and all(image["pulled_after_restore"] for image in images)
        as_told = self.compared["settings_equal"] and self.compared["late_image_gone"]
        return self.complete and every_image and bool(as_told)


def read_comparison() -> dict[str, Any]:
    """Return what the last comparison found; nothing if there was none."""
    if not COMPARED.exists():
        return {"images": [], "settings_equal": False, "late_image_gone": False}
    document: dict[str, Any] = json.loads(COMPARED.read_text(encoding="utf-8"))
    return document


def write_report(outcome: Outcome) -> None:
    """Leave the outcome in var/demo-report.json."""
    runs = [
        {
            "name": step.name,
            "deployment": step.run.deployment,
            "flow_run_id": step.run.flow_run_id,
            "state": step.run.state,
            "seconds": round(step.seconds, 1),
        }
        for step in outcome.steps
        if step.run
    ]
    document = {
        "steps": runs,
        "images": outcome.compared["images"],
        "settings_equal": outcome.compared["settings_equal"],
        "rto_seconds": outcome.rto_seconds,
        "rpo_seconds": outcome.rpo_seconds,
        "ui_url": outcome.ui_url,
    }
    REPORT.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def print_table(outcome: Outcome) -> None:
    """Print what was done, how long it took, and where to look."""
    table = Table("step", "seconds", "result")
    for step in outcome.steps:
        table.add_row(step.name, f"{step.seconds:.1f}", step.run.state if step.run else "Completed")
    pulled = sum(image["pulled_after_restore"] for image in outcome.compared["images"])
    console = Console()
    console.print(table)
    console.print(f"images pulled by digest after the restore: {pulled} of {len(outcome.compared['images'])}")
    gone = "yes" if outcome.compared["late_image_gone"] else "no"
    console.print(f"the image pushed after the backup is gone, as the restore said: {gone}")
    console.print(f"settings and permissions equal: {'yes' if outcome.compared['settings_equal'] else 'no'}")
    console.print(f"RTO {_seconds(outcome.rto_seconds)} from the loss to the end of the restore")
    console.print(f"RPO {_seconds(outcome.rpo_seconds)} from the recovery point to the loss")
    console.print(f"Prefect UI: {outcome.ui_url}", soft_wrap=True)
    console.print("the whole story holds" if outcome.holds else "[red]the story does not hold[/red]")


def _seconds(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.0f} s"
