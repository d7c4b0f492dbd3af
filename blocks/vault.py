"""Where recovery points are kept, and for whom they are encrypted."""

from pydantic import Field

from blocks.s3_access import S3Access
from blocks.secret_references import SecretReference


class VaultSettings(S3Access):
    """A folder (`file:///backups`) or a bucket (`s3://bucket/prefix`); either must be there."""

    url: str = Field(pattern=r"^(file:///|s3://)\S+", description="file:///folder or s3://bucket[/prefix]")
    region: str | None = Field(default=None, description="Region of the bucket")
    recipients: list[str] = Field(min_length=1, description="age public keys (age1...) that can open a point")
    identity: SecretReference = Field(
        description="age private key; proves each point and opens it on restore"
    )
