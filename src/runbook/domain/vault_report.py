"""What a verification of a whole vault looked at and found, in numbers and in words."""

from dataclasses import dataclass, field

from runbook.domain.sampling import Rotation
from runbook.domain.verification import Damage, Mode

NAMED = 10_000
"""Findings that are kept with their names; more are counted."""


@dataclass
class VaultReport:
    """What was looked at, and what is wrong; each finding names its object."""

    mode: Mode
    points: int = 0
    objects: int = 0  # of the points themselves, read
    blobs: int = 0  # read, or by a quick look: found in the listing
    bytes_read: int = 0
    found: int = 0
    damages: list[Damage] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    rotation: Rotation = field(default_factory=Rotation)

    @property
    def sound(self) -> bool:
        """True when nothing is wrong."""
        return not self.found

    def note(self, damage: Damage) -> None:
        """Take in a finding."""
        self.found += 1
        if len(self.damages) < NAMED:
            self.damages.append(damage)

    def sentence(self) -> str:
        """Return what was looked at."""
        if self.mode is Mode.QUICK:
            return f"quick: {self.points} points and {self.blobs} blobs by listing"
        read = (
            f"{self.mode}: {self.points} points, {self.objects} objects of theirs and {self.blobs} blobs read"
        )
        return f"{read}, {self.bytes_read / 1e6:.1f} MB{self._covered()}"

    def _covered(self) -> str:
        if self.mode is not Mode.SAMPLE:
            return ""
        turn = self.rotation
        since = f" since {turn.began:%Y-%m-%d}" if turn.began else ""
        whole = f", all was last read from {turn.whole:%Y-%m-%d} on" if turn.whole else ""
        return f"; samples cover {turn.coverage:.0%} of this round{since}{whole}"
