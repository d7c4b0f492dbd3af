"""How long recovery points are kept."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from runbook.domain.retention import RetentionPolicy


class RetentionSettings(BaseModel):
    """How long recovery points are kept; left out: for ever. Days, weeks and so on are those of UTC."""

    model_config = ConfigDict(extra="forbid")

    keep_last: int = Field(default=0, ge=0, description="The newest points")
    keep_daily: int = Field(default=0, ge=0, description="The newest point of each of the last days")
    keep_weekly: int = Field(default=0, ge=0, description="The newest point of each of the last weeks")
    keep_monthly: int = Field(default=0, ge=0, description="The newest point of each of the last months")
    keep_yearly: int = Field(default=0, ge=0, description="The newest point of each of the last years")
    keep_within_days: float = Field(default=0, ge=0, description="Every point younger than this")
    minimum: int = Field(default=3, ge=1, description="Verified points that always stay")
    most_at_once: int = Field(default=7, ge=1, description="More in one run is taken for a mistake, refused")
    grace_hours: float = Field(
        default=48, ge=1, description="Image data that no point names stays at least this long"
    )
    confirmed: bool = Field(
        default=False, description="true: the nightly backup removes; false: it only says what would go"
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
