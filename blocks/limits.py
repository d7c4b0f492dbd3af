"""What a vault and the way to it may be asked, and how much a metadata archive may differ from the one before."""

from pydantic import BaseModel, ConfigDict, Field

from runbook.domain.metadata import SizeBand
from runbook.remote.copy_limits import CopyLimits

_MEGABYTE = 1_000_000


class Limits(BaseModel):
    """How hard storage and vault are worked while images are copied, in a backup and in a restore."""

    model_config = ConfigDict(extra="forbid")

    concurrency: int = Field(default=16, ge=1, le=64, description="Copies at once")
    megabytes_per_second: float | None = Field(
        default=None,
        gt=0,
        description="Of streamed bytes, all copies together; what S3 copies itself is not slowed",
    )
    max_parts: int = Field(
        default=10_000,
        ge=1,
        le=10_000,
        description="Parts of one object that the vault's S3 provider permits",
    )

    @property
    def copying(self) -> CopyLimits:
        """The limits of one pass."""
        speed = self.megabytes_per_second
        return CopyLimits(self.concurrency, bytes_per_second=speed and speed * _MEGABYTE)


class SizeBandSettings(BaseModel):
    """The size of a metadata archive, as times that of the point before; outside, nothing is published."""

    model_config = ConfigDict(extra="forbid")

    smallest: float = Field(default=0.5, ge=0, le=1, description="So many times, at least")
    largest: float = Field(default=4.0, ge=1, description="So many times, at most")

    @property
    def band(self) -> SizeBand:
        """The band as an archive is judged by it."""
        return SizeBand(self.smallest, self.largest)
