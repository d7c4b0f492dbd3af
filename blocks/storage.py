"""Where the registry keeps image data."""

from pydantic import BaseModel, ConfigDict, Field

from blocks.s3_access import S3Access
from runbook.domain.storage_settings import S3Place


class S3Settings(S3Access):
    """A bucket that all replicas share."""

    bucket: str = Field(min_length=3, description="Bucket of the registry's images")
    region: str = Field(min_length=1, description="Region of the bucket")
    root_directory: str = Field(default="", description="Prefix of the registry's tree in the bucket")

    def place(self) -> S3Place:
        """Return the bucket and folder, without keys."""
        return S3Place(self.bucket, self.region, self.endpoint or "", self.root_directory)


class StorageSettings(BaseModel):
    """Shared storage; high availability needs it."""

    model_config = ConfigDict(extra="forbid")

    s3: S3Settings
