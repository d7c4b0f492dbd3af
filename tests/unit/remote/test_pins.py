from pathlib import Path

import pytest

from runbook.domain.errors import RefusedError
from runbook.domain.recovery import MANIFEST, METADATA, part_key
from runbook.remote.pins import pin, read_pins, unpin, why_pinned
from runbook.remote.prune import Removal, remove_point
from runbook.remote.vault import Vault
from runbook.remote.vault_file import FileVault
from tests.fakes.vaults import meanwhile

FIRST, UNFINISHED = "20261120T000000Z-0a1b2c3d", "20261122T000000Z-0a1b2c3d"


def remove(vault: Vault, *, finished: bool = True) -> Removal:
    return remove_point(vault, "prod", FIRST, finished=finished, still_allowed=lambda: None)


def there(vault: Vault) -> list[str]:
    return [seen.key for seen in vault.list("prod/points/")]


@pytest.fixture
def vault(tmp_path: Path) -> FileVault:
    """A vault with one point and one that was never finished."""
    vault = FileVault(tmp_path)
    for identifier, name in ((FIRST, MANIFEST), (FIRST, METADATA), (UNFINISHED, METADATA)):
        vault.put_bytes(part_key("prod", identifier, name), name.encode())
    return vault


def test_pins_are_kept_with_their_reason(vault: FileVault) -> None:
    assert read_pins(vault, "prod") == {}
    pin(vault, "prod", FIRST, "Ada: audit")
    pin(vault, "prod", FIRST, "Ada: audit 2026")
    assert read_pins(vault, "prod") == {FIRST: "Ada: audit 2026"}
    unpin(vault, "prod", FIRST)
    assert read_pins(vault, "prod") == {}


def test_a_pin_that_nobody_can_read_is_one(vault: FileVault) -> None:
    vault.put_bytes(f"prod/pins/{FIRST}", b"?")
    assert read_pins(vault, "prod") == {FIRST: "its reason cannot be read"}
    assert remove(vault) == Removal(False, "pinned by now: its reason cannot be read")


def test_a_pin_without_a_reason_is_one(vault: FileVault) -> None:
    pin(vault, "prod", FIRST, "")
    assert (read_pins(vault, "prod"), remove(vault).gone) == ({FIRST: ""}, False)
    unpin(vault, "prod", FIRST)
    manifest = part_key("prod", FIRST, MANIFEST)
    racing = meanwhile(vault, "delete", manifest, lambda: pin(vault, "prod", FIRST, ""))
    assert (remove(racing).gone, manifest in there(vault)) == (False, True)


def test_what_is_no_point_or_none_any_more_cannot_be_pinned(vault: FileVault) -> None:
    remove(vault)
    for identifier in (FIRST, UNFINISHED):
        with pytest.raises(RefusedError, match="it is no recovery point, or none any more"):
            pin(vault, "prod", identifier, "Ada")
    assert read_pins(vault, "prod") == {}


def test_a_pin_of_a_damaged_or_removed_point_can_be_taken_away(vault: FileVault) -> None:
    pin(vault, "prod", FIRST, "Ada")
    vault.delete(part_key("prod", FIRST, MANIFEST))
    unpin(vault, "prod", FIRST)
    unpin(vault, "prod", FIRST)
    assert read_pins(vault, "prod") == {}


def test_a_point_that_is_pinned_before_it_is_removed_stays(vault: FileVault) -> None:
    pin(vault, "prod", FIRST, "Ada: audit")
    assert remove(vault) == Removal(False, "pinned by now: Ada: audit")
    assert part_key("prod", FIRST, MANIFEST) in there(vault)


def test_a_point_that_is_pinned_while_it_is_removed_stays(vault: FileVault) -> None:
    manifest = part_key("prod", FIRST, MANIFEST)
    before = vault.get_bytes(manifest)
    racing = meanwhile(vault, "delete", manifest, lambda: pin(vault, "prod", FIRST, "Ada"))
    removal = remove(racing)
    assert removal == Removal(False, "pinned just now: Ada")
    assert vault.get_bytes(manifest) == before
    assert why_pinned(vault, "prod", FIRST) == "Ada"


def test_a_point_that_is_removed_while_it_is_pinned_is_not_said_to_be_pinned(vault: FileVault) -> None:
    key = f"prod/pins/{FIRST}"
    racing = meanwhile(vault, "put_bytes", key, lambda: remove(vault))
    with pytest.raises(RefusedError, match="none any more"):
        pin(racing, "prod", FIRST, "Ada")
    assert (there(vault), read_pins(vault, "prod")) == ([part_key("prod", UNFINISHED, METADATA)], {})
