"""A plan is what will be done, as a value, with the reason for each step."""

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import StrEnum

NO_REPLICA = "there is no replica yet"


class Action(StrEnum):
    """What a step does; `keep` is a step too, and has a reason."""

    KEEP = "keep"
    INSTALL = "install"
    JOIN = "join"
    CONFIGURE = "configure"
    BACK_UP = "back up"
    COPY = "copy"
    SET_ASIDE = "set aside"
    DESTROY = "destroy"
    RESTORE_IMAGES = "restore images"
    RESTORE_METADATA = "restore metadata"
    REMOVE = "remove"
    DRAIN = "drain"
    LOAD_IMAGES = "load images"
    UPGRADE = "upgrade"
    VERIFY = "verify"


@dataclass(frozen=True)
class Step:
    """One thing that will be done at one place, and why."""

    action: Action
    where: str
    what: str
    reason: str

    def __str__(self) -> str:
        return f"{self.where}: {self.action} {self.what} ({self.reason})"


@dataclass(frozen=True)
class Plan:
    """The ordered steps of one runbook on one cluster."""

    flow: str
    cluster: str
    steps: tuple[Step, ...]

    def digest(self) -> str:
        """Return 12 hex digits that differ when any step differs; an approval is bound to them."""
        text = json.dumps([asdict(step) for step in self.steps], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def to_json(self) -> str:
        """Return `{"flow", "cluster", "steps": [{"action", "where", "what", "reason"}]}`."""
        return json.dumps(asdict(self), indent=2)

    def to_markdown(self) -> str:
        """Return the steps as a table."""
        rows = "\n".join(f"| {s.action} | {s.where} | {s.what} | {s.reason} |" for s in self.steps)
        return f"| action | where | what | why |\n| --- | --- | --- | --- |\n{rows}\n"
