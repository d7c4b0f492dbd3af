"""The metadata stream: what a command on the node writes goes into the vault."""

from pydantic import SecretStr

from bench.ours import settings, tell
from bench.s3_access import client_of
from runbook.domain.recovery import METADATA
from runbook.remote.archive import stream_metadata
from runbook.remote.ssh import SshConnection, SshTarget
from runbook.remote.vault_s3 import S3Vault


def main() -> None:
    """Carry it there, as a backup does."""
    asked = settings()
    vault = S3Vault(client_of(asked["url"]), asked["bucket"])
    key = SecretStr(asked["node"].pop("private_key"))
    with (
        SshConnection(SshTarget(**asked["node"], private_key=key)) as node,
        node.start(asked["command"], on_stderr=lambda _: None) as command,
        vault.writer(METADATA) as sink,
    ):
        summary = stream_metadata(command.stdout, sink, [asked["recipient"]])
        status = command.wait()
    tell(status=status, sha256=summary.sha256_plain, whole=summary.ended_properly and not summary.trouble)


if __name__ == "__main__":
    main()
