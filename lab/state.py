"""What the lab must remember between two commands: ``var/lab/state.json``."""

import json
import threading
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from lab.paths import STATE_FILE


@dataclass(frozen=True)
class State:
    """Facts that cannot be seen from outside."""

    octet: int | None = None
    further_nodes: int = 0
    identity: str | None = None
    prefect_port: int | None = None
    engine_started: bool = False
    # fingerprints of what the Prefect server was told
    registered: str | None = None
    registered_block: str | None = None


_lock = threading.Lock()


def read_state(path: Path = STATE_FILE) -> State:
    """Return what was remembered; nothing at all is a state too, and so is another version's file."""
    if not path.exists():
        return State()
    known = {field.name for field in fields(State)}
    return State(**{name: value for name, value in json.loads(path.read_text()).items() if name in known})


def remember(path: Path = STATE_FILE, **changes: object) -> State:
    """Leave these facts in the file, the others as they were."""
    with _lock:
        state = replace(read_state(path), **changes)  # type: ignore[arg-type]  # checked by State's fields
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".new")
        draft.write_text(json.dumps(asdict(state), indent=2) + "\n")
        draft.replace(path)
        return state
