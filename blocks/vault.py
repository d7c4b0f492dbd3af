"""Where recovery points are kept, and for whom they are encrypted."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from blocks.secret_references import SecretReference
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


class VaultSettings(BaseModel):
    """A folder (`file:///backups`) or a bucket (`s3://bucket/prefix`); either must be there."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(pattern=r"^(file:///|s3://)\S+", description="file:///folder or s3://bucket[/prefix]")
    region: str | None = Field(default=None, description="Region of the bucket")
    endpoint: str | None = Field(default=None, description="For S3-compatible stores; empty for AWS")
    access_key: SecretReference | None = None
    secret_key: SecretReference | None = None
    recipients: list[str] = Field(min_length=1, description="age public keys (age1...) that can open a point")
    identity: SecretReference = Field(
        description="age private key; proves each point and opens it on restore"
    )
    retention: RetentionSettings = RetentionSettings()
