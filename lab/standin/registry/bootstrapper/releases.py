"""What the commands of one release do otherwise than those of another, and which upgrades there are."""

from registry import version
from registry.version import Version

REPAIR: Version = (2, 5, 0)
STORAGE_MIGRATED: Version = (2, 6, 4)
REMOVE_FORCE: Version = (2, 7, 6)
REMOVE_FORCE_IN_2_6: tuple[Version, Version] = ((2, 6, 13), (2, 7, 0))


def checks_what_is_removed() -> bool:
    """Tell whether `remove` of this version refuses a replica that does not exist, and has `--force`."""
    since, until = REMOVE_FORCE_IN_2_6
    in_2_6 = version.at_least(since) and not version.at_least(until)
    return in_2_6 or version.at_least(REMOVE_FORCE)


def why_no_upgrade(found: str, wanted: str) -> str:
    """Return why a replica of one version cannot become one of another, empty when it can."""
    old, new = version.parse(found), version.parse(wanted)
    if old[0] != new[0]:
        return f"{found} and {wanted} are of different product lines"
    if new < old:
        return f"{wanted} is older than {found}, a downgrade is not supported"
    if new[1] - old[1] > 1:
        return f"from {found} to {wanted} minor versions are skipped; upgrade to {old[0]}.{old[1] + 1} first"
    return ""


def erases_tags(*, migrated: bool, reinitialize: bool) -> bool:
    """Tell whether this version forgets all tags when blobs move elsewhere (contract section 2.2)."""
    if not version.at_least(version.ONLINE_GC):
        return False
    return reinitialize if version.at_least(version.KEEPS_METADATA) else not migrated
