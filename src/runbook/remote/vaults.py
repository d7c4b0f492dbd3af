"""From a vault's URL to the vault."""

from pathlib import Path
from urllib.parse import urlsplit

from runbook.domain.errors import InvalidConfigError
from runbook.remote.blob_seal import BlobSeal
from runbook.remote.s3 import S3Settings, connect
from runbook.remote.vault import Vault
from runbook.remote.vault_file import FileVault
from runbook.remote.vault_s3 import S3Vault
from runbook.remote.write_options import WriteOptions


def open_vault(
    url: str,
    s3: S3Settings | None = None,
    *,
    max_parts: int = 10_000,
    options: WriteOptions | None = None,
    seal: BlobSeal | None = None,
) -> Vault:
    """Return the vault at `file:///folder` or `s3://bucket/prefix`; nothing is contacted yet."""
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.path.startswith("/") and not parts.netloc:
        return FileVault(Path(parts.path), seal)
    if parts.scheme == "s3" and parts.netloc:
        client = connect(s3 or S3Settings())
        return S3Vault(client, parts.netloc, parts.path, max_parts=max_parts, options=options, seal=seal)
    raise InvalidConfigError(url, "it is no vault's address", "write file:///folder or s3://bucket/prefix")
