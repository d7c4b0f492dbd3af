"""Vaults in which something goes wrong, around a real one."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from runbook.domain.errors import RefusedError
from runbook.remote.vault import Vault

LOCKED = "it is locked until 2027"
FORBIDDEN = "S3 answered 403 AccessDenied"


class PowerCutError(Exception):
    """The process is gone."""


class _Around:
    """Everything goes to the vault that is given, but for what a subclass does itself."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault

    def __getattr__(self, name: str) -> Any:
        return getattr(self.vault, name)


class _Untouchable(_Around):
    def __getattr__(self, name: str) -> Any:
        assert name in {"where", "list", "head", "get_bytes", "get_with_etag", "open", "content_etag"}, name
        return getattr(self.vault, name)


class _Locked(_Around):
    def __init__(self, vault: Vault, words: Sequence[str]) -> None:
        super().__init__(vault)
        self._words = words

    def _is_locked(self, key: str) -> bool:
        return any(word in key for word in self._words)

    def delete(self, key: str) -> None:
        if self._is_locked(key):
            raise RefusedError(f"{self.vault.where}/{key}", LOCKED, "wait")
        self.vault.delete(key)

    def delete_many(self, keys: Sequence[str]) -> dict[str, str]:
        locked = [key for key in keys if self._is_locked(key)]
        refused = self.vault.delete_many([key for key in keys if key not in locked])
        return refused | dict.fromkeys(locked, LOCKED)


class _Forbidden(_Around):
    def delete_many(self, keys: Sequence[str]) -> dict[str, str]:
        raise RefusedError(self.vault.where, FORBIDDEN, "give the right")


class _Dying(_Around):
    def __init__(self, vault: Vault, deletions: int) -> None:
        super().__init__(vault)
        self._left = deletions

    def delete(self, key: str) -> None:
        self._left -= 1
        if self._left < 0:
            raise PowerCutError
        self.vault.delete(key)

    def delete_many(self, keys: Sequence[str]) -> dict[str, str]:
        for key in keys:  # a server may have done some of them
            self.delete(key)
        return {}


class _Meanwhile(_Around):
    def __init__(self, vault: Vault, operation: str, key: str, act: Callable[[], object]) -> None:
        super().__init__(vault)
        self._operation, self._key = operation, key
        self._acts = [act]

    def __getattr__(self, name: str) -> Any:
        inner = getattr(self.vault, name)
        if name != self._operation:
            return inner

        def called(key: str, *args: Any, **options: Any) -> Any:
            if key == self._key and self._acts:
                self._acts.pop()()
            return inner(key, *args, **options)

        return called


def untouchable(vault: Vault) -> Vault:
    """Return the vault as one that fails the test when anything is written or deleted."""
    return cast("Vault", _Untouchable(vault))


def refusing(vault: Vault, *words: str) -> Vault:
    """Return the vault as one that refuses to delete keys with any of these words, as an object lock does."""
    return cast("Vault", _Locked(vault, words))


def forbidding(vault: Vault) -> Vault:
    """Return the vault as one that answers no to every request for many deletions."""
    return cast("Vault", _Forbidden(vault))


def dying(vault: Vault, deletions: int) -> Vault:
    """Return the vault as one whose user dies when so many objects are deleted."""
    return cast("Vault", _Dying(vault, deletions))


def meanwhile(vault: Vault, operation: str, key: str, act: Callable[[], object]) -> Vault:
    """Return the vault as one in which somebody acts right before the first such operation on the key."""
    return cast("Vault", _Meanwhile(vault, operation, key, act))
