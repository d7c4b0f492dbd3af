"""What an upgrade demands before it begins."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field


class UpgradeSettings(BaseModel):
    """How young the way back must be."""

    model_config = ConfigDict(extra="forbid")

    max_point_age_hours: float = Field(
        default=24,
        gt=0,
        description="Age of the newest verified recovery point, at most, when an upgrade begins",
    )

    @property
    def max_point_age(self) -> timedelta:
        """The same as a span of time."""
        return timedelta(hours=self.max_point_age_hours)
