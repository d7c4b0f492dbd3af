"""Objects of recovery points that nobody may delete before their date."""

from pydantic import BaseModel, ConfigDict, Field

from runbook.domain.object_lock import MAX_DAYS, LockMode, ObjectLock


class ObjectLockSettings(BaseModel):
    """How each point is locked in its bucket, which must have been made with object lock."""

    model_config = ConfigDict(extra="forbid")

    mode: LockMode = Field(
        description="`governance`: those with a right of their own may shorten it; `compliance`: nobody"
    )
    days: int = Field(ge=1, le=MAX_DAYS, strict=True, description="For how long from its backup on")

    def lock(self) -> ObjectLock:
        """Return it as the vault takes it."""
        return ObjectLock(self.mode, self.days)
