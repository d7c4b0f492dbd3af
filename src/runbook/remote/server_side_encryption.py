"""What the bucket says about how it encrypted an object."""

from runbook.domain.errors import MismatchError
from runbook.remote.s3 import s3_errors
from runbook.remote.vault import Vault
from runbook.remote.vault_s3 import S3Vault


def require_encrypted(vault: Vault, key: str) -> None:
    """Return if the bucket encrypted the object as every write asks it to, else MismatchError."""
    wanted = vault.options.encryption if isinstance(vault, S3Vault) else None
    if wanted is None or not isinstance(vault, S3Vault):
        return
    where = f"{vault.where}/{key}"
    with s3_errors(where):
        seen = vault.client.head_object(Bucket=vault.bucket, Key=vault.full_key(key))
    algorithm, used = seen.get("ServerSideEncryption", "none"), seen.get("SSEKMSKeyId", "")
    if algorithm == wanted.algorithm and used.endswith(wanted.kms_key_id or ""):  # it is shown as an ARN
        return
    shown = f"{algorithm} {used}".rstrip()
    raise MismatchError(
        where,
        f"the bucket encrypted it with {shown}, and {wanted.algorithm} {wanted.kms_key_id or ''}".rstrip()
        + " was asked",
        "look at the bucket's encryption settings and at vault.server_side_encryption",
    )
