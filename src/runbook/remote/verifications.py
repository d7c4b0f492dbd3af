"""What verifications leave in the vault: one small object that is rewritten, `verifications/state.json`."""

from collections.abc import Callable

from runbook.domain.errors import LockedError
from runbook.domain.verification import Record, State, state_from_json, state_to_json, still_known
from runbook.remote.vault import AlreadyThereError, ChangedError, NotThereError, Vault

_TRIES = 10


def read_state(vault: Vault, cluster: str) -> State:
    """Return what the runs before have left; nothing, if that cannot be read."""
    return _read(vault, cluster)[0]


def change_state(vault: Vault, cluster: str, change: Callable[[State], State]) -> State:
    """Leave the state that `change` makes of the one that is there, and return it.

    Another run may change it at the same time: then it is read and changed again.
    """
    key = _key(cluster)
    for _ in range(_TRIES):
        state, etag = _read(vault, cluster)
        state = change(state)
        try:
            if etag:
                vault.replace_if(key, state_to_json(state), etag)
            else:
                vault.put_bytes(key, state_to_json(state), only_if_absent=True)
        except (ChangedError, AlreadyThereError):
            continue
        return state
    raise LockedError(f"{vault.where}/{key}", "other runs change it all the time", "run it again later")


def etags(vault: Vault, cluster: str) -> Callable[[str], str]:
    """Return what tells the entity tag of an object, none where there is no object; each is asked for once."""
    known: dict[str, str] = {}

    def etag_of(key: str) -> str:
        if key not in known:
            seen = vault.head(f"{cluster}/{key}")
            known[key] = seen.etag if seen else ""
        return known[key]

    return etag_of


def known_damage(vault: Vault, cluster: str) -> frozenset[str]:
    """Return the keys of objects that a verification found to be damaged, and that are still the same objects."""
    records = known_records(vault, cluster).values()
    return frozenset(damage.key for record in records for damage in record.damages)


def known_records(vault: Vault, cluster: str) -> dict[str, Record]:
    """Return the record of each point, with what was found and is there still: nothing is known of what replaced it."""
    etag_of = etags(vault, cluster)
    records = read_state(vault, cluster).records
    return {name: r.with_damages(still_known(r.damages, etag_of)) for name, r in records.items()}


def _read(vault: Vault, cluster: str) -> tuple[State, str]:
    key = _key(cluster)
    try:
        data, etag = vault.get_with_etag(key)
    except NotThereError:
        return State(), ""
    try:
        return state_from_json(data, f"{vault.where}/{key}"), etag
    except ValueError:  # damaged: it is only a memory, and is begun anew
        return State(), etag


def _key(cluster: str) -> str:
    return f"{cluster}/verifications/state.json"
