"""A vault with two points that share images, to be damaged and verified."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from runbook.domain.recovery import (
    Manifest,
    part_key,
)
from runbook.domain.sampling import Budget, budget_of
from runbook.domain.snapshot import blob_key
from runbook.domain.vault_report import VaultReport
from runbook.domain.verification import Mode
from runbook.remote.encryption import generate_identity
from runbook.remote.needed_images import Place
from runbook.remote.storage import S3Storage
from runbook.remote.vault import Vault
from runbook.remote.vault_verify import verify_vault
from tests.fakes.metadata_archive import digest_of, rows_of_image
from tests.integration.taken_points import back_up

CONFIG, ONE, TWO, LATER = b"{}", b"one" * 100, b"two" * 100, b"new" * 50
IDENTITY, RECIPIENT = generate_identity()
OLD, NEW = "20261121T010203Z-0a1b2c3d", "20261122T010203Z-4e5f6a7b"
ALL = budget_of(percent=100)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass
class Site:
    """A vault with two points that share images, as they are after a first full verification."""

    vault: Vault
    storage: S3Storage
    clock: datetime = NOON
    opened: int = 0
    while_open: list[Callable[[], None]] = field(default_factory=list)

    def take(self, identifier: str) -> Manifest:
        rows = rows_of_image("org/app", "v1", CONFIG, [ONE, TWO])
        return back_up(self.vault, self.storage, identifier, rows, RECIPIENT)

    def identity(self) -> SecretStr:
        self.opened += 1
        while self.while_open:
            self.while_open.pop()()
        return IDENTITY

    def now(self) -> datetime:
        self.clock += timedelta(minutes=1)
        return self.clock

    def verify(self, mode: Mode, budget: Budget = ALL) -> VaultReport:
        return verify_vault(Place(self.vault, "prod", self.identity, self.now, self.vault), mode, budget)

    def findings(self, mode: Mode) -> list[str]:
        return [damage.what for damage in self.verify(mode).damages]

    def change(self, key: str, change: Callable[[bytes], bytes]) -> None:
        self.vault.put_bytes(key, change(self.vault.get_bytes(key)))

    def swap(self, one: str, other: str) -> None:
        data = self.vault.get_bytes(one)
        self.vault.put_bytes(one, self.vault.get_bytes(other))
        self.vault.put_bytes(other, data)

    def delete_point(self, identifier: str) -> None:
        for seen in list(self.vault.list(f"prod/points/{identifier}/")):
            self.vault.delete(seen.key)


def part(name: str, point: str = NEW) -> str:
    return part_key("prod", point, name)


def blob(data: bytes) -> str:
    return f"prod/{blob_key(digest_of(data))}"


def flipped(data: bytes) -> bytes:
    return data[:10] + bytes([data[10] ^ 1]) + data[11:]
