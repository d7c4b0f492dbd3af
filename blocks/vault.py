"""Where recovery points are kept, and for whom they are encrypted."""

from pydantic import BaseModel, ConfigDict, Field

from blocks.secret_references import SecretReference


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
