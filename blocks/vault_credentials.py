"""Keys of a vault for each of the four who use it; whoever has none of its own uses the vault's."""

from pydantic import BaseModel, ConfigDict, Field

from blocks.secret_references import SecretReference
from runbook.domain.access import Role


class KeyPair(BaseModel):
    """The keys of one user of the bucket."""

    model_config = ConfigDict(extra="forbid")

    access_key: SecretReference = Field(description="env:NAME, file:PATH or block:NAME")
    secret_key: SecretReference = Field(description="The other half of the keys")


class VaultCredentials(BaseModel):
    """So that whoever steals one key can do no more than its holder needed."""

    model_config = ConfigDict(extra="forbid")

    writer: KeyPair | None = Field(default=None, description="Lists, reads, writes; deletes nothing")
    verifier: KeyPair | None = Field(default=None, description="Lists and reads")
    pruner: KeyPair | None = Field(
        default=None, description="Lists, reads, deletes, and notes what it deleted"
    )
    restorer: KeyPair | None = Field(default=None, description="Lists and reads")

    def of(self, role: Role) -> KeyPair | None:
        """Return the role's own keys, None where it has none."""
        return {
            Role.WRITER: self.writer,
            Role.VERIFIER: self.verifier,
            Role.PRUNER: self.pruner,
            Role.RESTORER: self.restorer,
        }[role]
