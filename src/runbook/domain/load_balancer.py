"""What a load balancer in front of the replicas must be, whichever kind it is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from runbook.domain.findings import Finding, Level, ok
from runbook.domain.plans import Action, Step

HTTP_PORT = 80
WRITERS = "install, scale-out, remove, repair, replace, upgrade or restore"
"""The runbooks that leave the pool as it shall be."""
IDLE_SECONDS = 600.0
"""A connection may be silent for longer than this: the registry works while a client waits."""


@dataclass(frozen=True)
class Backend:
    """A replica as the load balancer reaches it."""

    name: str
    address: str
    https_port: int = 443
    http_port: int = HTTP_PORT


@dataclass(frozen=True)
class Front:
    """What clients reach: the external URL's host and port, and how each replica is probed behind it."""

    host: str
    https_port: int = 443
    http_port: int = HTTP_PORT
    probe_path: str = "/_ping"

    @property
    def probe(self) -> str:
        """The probe of a replica, as findings name it."""
        return f"HTTPS {self.probe_path}"


@dataclass(frozen=True)
class Member:
    """A replica in the load balancer's eyes: whether it gets connections, and the load balancer's words for that."""

    up: bool
    words: str


Pool = Mapping[str, Member]


@dataclass(frozen=True)
class Setup:
    """How the load balancer treats one port, as far as it can be told."""

    port: int
    passthrough: bool
    probe: str | None = None  # None: not told, or of no matter on this port
    idle_seconds: float | None = None  # None: not told


@dataclass(frozen=True)
class Advice:
    """What to do where a load balancer of one kind is not set up as it must be."""

    passthrough: str
    probe: str
    idle: str


def pool_text(pool: Iterable[Backend]) -> str:
    """Return the pool as steps name it."""
    return f"pool of {', '.join(sorted(backend.name for backend in pool)) or 'nobody'}"


def plan_pool(where: str, pool: Iterable[Backend], differs: str | None, keep: str) -> Step:
    """Return the step that gives the load balancer its pool; `differs` is what is not as wanted, `keep` why all is."""
    if differs is None:
        return Step(Action.KEEP, where, pool_text(pool), keep)
    return Step(Action.CONFIGURE, where, pool_text(pool), differs)


def why_not_members(names: Iterable[str], wanted: Iterable[str]) -> str | None:
    """Say what keeps these members from being exactly the wanted ones."""
    have, want = set(names), set(wanted)
    if missing := sorted(want - have):
        return f"{', '.join(missing)} not in its pool"
    if surplus := sorted(have - want):
        return f"{', '.join(surplus)} still in its pool"
    return None


def why_not_pool(pool: Pool, wanted: Iterable[str]) -> str | None:
    """Say what keeps the pool from being exactly the wanted replicas, all of them up."""
    names = set(wanted)
    if reason := why_not_members(pool, names):
        return reason
    return "; ".join(f"{name} is {pool[name].words}" for name in sorted(names) if not pool[name].up) or None


def judge_pool(where: str, pool: Pool, wanted: Iterable[str]) -> Finding:
    """Return whether the pool is that of the replicas, all up; who is not is named."""
    names = sorted(wanted)
    if reason := why_not_members(pool, names):
        what = f"its pool is not that of the replicas: {reason}"
        return Finding(Level.WARNING, where, what, f"the next {WRITERS} sets it")
    if reason := why_not_pool(pool, names):
        return Finding(Level.WARNING, where, reason, "look at the replicas with `runbook check`")
    return ok(where, f"{len(names)} replicas in its pool, all up")


def judge_setups(
    where: str, setups: Sequence[Setup], front: Front, advice: Advice, ports: Sequence[int]
) -> tuple[Finding, ...]:
    """Return what is not as the vendor asks on these ports: nothing listens, TLS is ended, the probe, the idle time."""
    by_port = {setup.port: setup for setup in setups}
    found: list[Finding] = []
    for port in ports:
        if setup := by_port.get(port):
            found += (Finding(Level.WARNING, where, *row) for row in _problems(setup, front, advice))
        else:
            found.append(Finding(Level.WARNING, where, f"nothing takes port {port}", advice.passthrough))
    return tuple(found)


def _problems(setup: Setup, front: Front, advice: Advice) -> Iterable[tuple[str, str]]:
    if not setup.passthrough:
        yield f"port {setup.port} is not passed through as TCP", advice.passthrough
    if setup.probe is not None and setup.probe != front.probe:
        seen = setup.probe or "nothing"
        yield f"port {setup.port}: replicas are probed by {seen}, not by {front.probe}", advice.probe
    if setup.idle_seconds is not None and setup.idle_seconds <= IDLE_SECONDS:
        least = f"more than {IDLE_SECONDS:.0f} s are needed"
        what = f"port {setup.port} ends connections after {setup.idle_seconds:.0f} s of silence; {least}"
        yield what, advice.idle
