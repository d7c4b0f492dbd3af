"""A cluster of which only vaults are left: its cluster file, and folders as vault and copies."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from blocks.cluster import load_cluster
from blocks.connection import ClusterConnection
from runbook.remote.vault_file import FileVault
from tests.fakes.cluster_connection import EXAMPLE
from tests.fakes.published_points import IDENTITY, RECIPIENT


@dataclass
class VaultSite:
    """The file, and the folders that it names; nodes, control plane and storage do not answer."""

    folder: Path
    copies: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("vault", *self.copies):
            (self.folder / name).mkdir(parents=True)
        identity = self.folder / "identity"
        identity.write_text(IDENTITY.get_secret_value(), encoding="utf-8")
        self.file = self.folder / "prod.yaml"
        document = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
        document["vault"] = {
            "url": f"file://{self.folder}/vault",
            "recipients": [RECIPIENT],
            "identity": f"file:{identity}",
            "copies": [{"name": name, "url": f"file://{self.folder}/{name}"} for name in self.copies],
        }
        self.file.write_text(yaml.safe_dump(document), encoding="utf-8")

    def vault(self, name: str = "vault") -> FileVault:
        return FileVault(self.folder / name)

    def lose(self, name: str) -> None:
        """Let a folder be there no more, as a mount that is missing."""
        (self.folder / name).rename(self.folder / f"{name}-unmounted")

    def connection(self) -> ClusterConnection:
        return ClusterConnection(load_cluster(str(self.file)).settings)
