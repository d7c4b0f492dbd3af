"""How long recovery points are kept."""

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from runbook.domain.retention import RetentionPolicy

Count = Annotated[int, Field(strict=True, ge=0, le=100_000)]
Floor = Annotated[int, Field(strict=True, ge=1, le=100_000)]
Days = Annotated[float, Field(ge=0, le=36_500, allow_inf_nan=False)]
Hours = Annotated[float, Field(ge=1, le=8_784, allow_inf_nan=False)]


class RetentionSettings(BaseModel):
    """How long recovery points are kept; left out: for ever. Days, weeks and so on are those of UTC."""

    model_config = ConfigDict(extra="forbid")

    keep_last: Count = Field(default=0, description="The newest points")
    keep_daily: Count = Field(default=0, description="The newest point of each of the last days")
    keep_weekly: Count = Field(default=0, description="The newest point of each of the last weeks")
    keep_monthly: Count = Field(default=0, description="The newest point of each of the last months")
    keep_yearly: Count = Field(default=0, description="The newest point of each of the last years")
    keep_within_days: Days = Field(default=0, description="Every point younger than this")
    minimum: Floor = Field(default=3, description="Verified points that always stay")
    most_at_once: Floor = Field(default=7, description="More in one run is taken for a mistake, refused")
    grace_hours: Hours = Field(
        default=48, description="Image data stays this long after no point needed it any more"
    )
    confirmed: bool = Field(
        default=False,
        strict=True,
        description="true: backup and prune remove; false: they only say what would go",
    )

    @property
    def grace(self) -> timedelta:
        """How long image data that no point names stays."""
        return timedelta(hours=self.grace_hours)

    @property
    def has_rules(self) -> bool:
        """Whether anything is ever to go."""
        return not self.to_domain().keeps_everything

    def to_domain(self) -> RetentionPolicy:
        """Return the rules."""
        return RetentionPolicy(
            keep_last=self.keep_last,
            keep_daily=self.keep_daily,
            keep_weekly=self.keep_weekly,
            keep_monthly=self.keep_monthly,
            keep_yearly=self.keep_yearly,
            keep_within=timedelta(days=self.keep_within_days),
            minimum=self.minimum,
            most_at_once=self.most_at_once,
        )
