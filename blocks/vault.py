"""Where recovery points are kept, and for whom they are encrypted."""

from typing import Annotated

from pydantic import AfterValidator, Field

from blocks.limits import Limits, SizeBandSettings
from blocks.s3_access import S3Access
from blocks.secret_references import SecretReference
from runbook.domain.errors import InvalidConfigError
from runbook.remote.encryption import canonical_recipient


def _check_recipient(text: str) -> str:
    """Return the key; what stands here by mistake may be a private one, so it is not repeated."""
    try:
        return canonical_recipient(text)
    except InvalidConfigError:
        raise ValueError("is no age public key; write the age1… that `age-keygen -y` shows") from None


class VaultSettings(S3Access):
    """A folder (`file:///backups`) or a bucket (`s3://bucket/prefix`); either must be there."""

    url: str = Field(pattern=r"^(file:///|s3://)\S+", description="file:///folder or s3://bucket[/prefix]")
    region: str | None = Field(default=None, description="Region of the bucket")
    recipients: list[Annotated[str, AfterValidator(_check_recipient)]] = Field(
        min_length=1, description="age public keys (age1...) that can open a point"
    )
    identity: SecretReference = Field(
        description="age private key; proves each point and opens it on restore"
    )
    limits: Limits = Limits()
    size_band: SizeBandSettings = SizeBandSettings()
