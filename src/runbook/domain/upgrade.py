"""Whether a registry may go from the version that runs to the one that is wanted, and the way there."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from runbook.domain.errors import RefusedError
from runbook.domain.formats import refuse_newer_record
from runbook.domain.health import ClusterSeen, Replica, why_not_healthy_cluster
from runbook.domain.holds import Crons, shown_otherwise, why_not_released
from runbook.domain.leftovers import Leftover, ended_phases
from runbook.domain.plans import Action, Step
from runbook.domain.recovery import Canary, RecoveryPoint, why_not_restorable, why_too_old
from runbook.domain.versions import (
    COVERED,
    Version,
    garbage_collection_actions,
    image_repository,
    is_covered,
    is_downgrade,
    minors_between,
    parse_version,
)

WHERE = "upgrade"
_OF_WHO_ANSWERED = {"replicaID"}


@dataclass(frozen=True)
class Before:
    """What was true before an upgrade was begun; on record in the vault until the upgrade is proven."""

    running: str
    wanted: str
    canary: Canary
    crons: Crons
    settings: Mapping[str, Any]  # the registry's whole document
    members: tuple[str, ...]

    def to_json(self) -> bytes:
        """Return the record as JSON; it may hold secrets, such as a proxy's password."""
        return json.dumps(
            asdict(self) | {"crons": dict(self.crons), "settings": dict(self.settings)}
        ).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "Before":
        """Return the record that `to_json` wrote; NewerFormatError for a later version's."""
        fields = json.loads(data)
        refuse_newer_record("vault", "the record of an upgrade", fields)
        canary, members = Canary(**fields.pop("canary")), tuple(fields.pop("members"))
        return cls(canary=canary, members=members, **fields)


@dataclass(frozen=True)
class Upgrade:
    """What is to be done: one step per replica; `running` is the older version that is still there, if any is."""

    running: Version
    wanted: Version
    steps: tuple[Step, ...]
    through: str  # the member that the bootstrapper works through
    resumed: bool  # a member runs the wanted version already, and another does not
    well: bool  # every member is healthy, every node answers
    left: tuple[Leftover, ...] = ()  # ended second phases: they bar every further run

    @property
    def done(self) -> bool:
        """True when every member runs the wanted version."""
        return all(step.action is Action.KEEP for step in self.steps)

    @property
    def begun(self) -> bool:
        """True when something of it has happened, or may have: what was true before can only be recalled."""
        return self.done or self.resumed or not self.well

    @property
    def all_steps(self) -> tuple[Step, ...]:
        """Everything, for a plan: what bars the bootstrapper goes first."""
        return (*(found.step for found in self.left), *self.steps)


@dataclass(frozen=True)
class Kept:
    """How the registry differs from what it was before: `lost` fails the run unless a person accepts it."""

    lost: tuple[str, ...]
    otherwise: tuple[str, ...]  # what a person should look at


def choose_upgrade(seen: ClusterSeen, wanted: Version, before: Before | None = None) -> Upgrade:
    """Return what brings every member to `wanted`; RefusedError says why it may not, and the way that is open.

    A cluster of two versions is taken for an interrupted upgrade if the newer one is wanted; so is one that has
    an upgrade on record. Only then one replica may be down. What is no member decides nothing.
    """
    members = _members(seen, before)
    there = _versions(seen, members, before)
    older = sorted(there - {wanted})
    if len(older) > 1:
        raise RefusedError(
            WHERE, _mixed(members), f"finish the upgrade to {older[-1]} first: `--to {older[-1]}`"
        )
    running = older[0] if older else wanted
    require_pair(running, wanted)
    on_record = before is not None and before.wanted == str(wanted)
    if reason := _why_not_well(seen, interrupted=on_record or len(there) > 1):
        raise RefusedError(WHERE, f"the cluster is not healthy: {reason}", _HEAL)
    steps = tuple(_step(replica, wanted, alone=len(members) == 1) for replica in members)
    others = tuple(_no_member(replica) for replica in seen.replicas if replica not in members)
    return Upgrade(
        running,
        wanted,
        (*steps, *others),
        through=(seen.living or members)[0].replica_id,
        resumed=bool(older) and wanted in there,
        well=_why_not_well(seen, interrupted=False) is None,
        left=ended_phases(seen),
    )


def require_image(image: str, running: Version, wanted: Version) -> None:
    """Return if `image` can be the one of `wanted`; RefusedError where the vendor calls that otherwise.

    A site's own copy may be called as it likes.
    """
    vendors = image.removeprefix("docker.io/") == image_repository(running)
    if not vendors or image_repository(running) == image_repository(wanted):
        return
    what = (
        f"{image} is the vendor's name up to {running}; {wanted} is published as {image_repository(wanted)}"
    )
    next_step = (
        f"set registry.image to it (from 2.10 on with the host of the vendor's own registry) or to your copy, "
        f"and registry.version to {wanted}; then leave `--to` out"
    )
    raise RefusedError("registry.image", what, next_step)


def require_pair(running: Version, wanted: Version) -> None:
    """Return if the vendor's `upgrade` goes from `running` to `wanted`: a later patch, or the next minor."""
    for version in (running, wanted):
        if not is_covered(version):
            what = f"{version} is none of the versions that docs/versions.md covers"
            raise RefusedError(WHERE, what, f"from {COVERED[0]} on, before {COVERED[1]}")
    if is_downgrade(running, wanted):
        what = f"{running} runs, and {wanted} is older: there is no downgrade"
        raise RefusedError(WHERE, what, f"stay, or restore a recovery point of {wanted} with that image")
    if between := minors_between(running, wanted):
        way = " → ".join([str(running), *between, str(wanted)])
        what = f"no minor version may be skipped: {running} runs, {wanted} is wanted"
        raise RefusedError(WHERE, what, f"go {way}, one after another, with the newest patch of each")


def why_no_way_back(
    newest: RecoveryPoint | None, running: Version, now: datetime, limit: timedelta
) -> str | None:
    """Say why the newest verified point is no way back to `running`, None if it is one."""
    if newest is None or newest.manifest is None:
        return "there is no verified recovery point"
    unfit = why_not_restorable(newest.manifest, version=str(running))
    return why_too_old(newest, now, limit) or (f"recovery point {newest.id}: {unfit}" if unfit else None)


def what_differs(before: Before, settings: Mapping[str, Any], crons: Crons) -> Iterator[str]:
    """Yield what a person should look at: it may be lost, or a newer version spells it in another way.

    Names alone: a value may be a secret.
    """
    for name, value in sorted(before.settings.items()):
        if name not in _OF_WHO_ANSWERED and settings.get(name) != value:
            yield f"setting {name} is not as before"
    if told := shown_otherwise(schedules_that_stay(before), crons):
        yield told
    if gone := sorted(set(before.crons) - set(schedules_that_stay(before))):
        yield f"there is no job {', '.join(gone)} any more: schedule what took its place"


def schedules_that_stay(before: Before) -> Crons:
    """Return what was scheduled, without the garbage collection jobs that the wanted version has no more."""
    old, new = (garbage_collection_actions(parse_version(v)) for v in (before.running, before.wanted))
    gone = set(old) - set(new)
    return {action: cron for action, cron in before.crons.items() if action not in gone}


def compare(before: Before, seen: ClusterSeen, settings: Mapping[str, Any], crons: Crons) -> Kept:
    """Return how members, schedules and settings differ from what they were."""
    gone = tuple(f"{m} is no member any more" for m in before.members if m not in seen.members)
    schedules = why_not_released(schedules_that_stay(before), crons)
    return Kept((*gone, *([schedules] if schedules else ())), tuple(what_differs(before, settings, crons)))


def why_not_upgraded(seen: ClusterSeen, wanted: Version, members: tuple[str, ...]) -> str | None:
    """Say which replica is not there, not healthy or not of the version yet; None when all are."""
    if reason := why_not_healthy_cluster(seen, members):
        return reason
    return next(
        (
            f"{r.replica_id} on {r.node} runs {r.version}"
            for r in seen.replicas
            if r.replica_id in seen.members and r.version != str(wanted)
        ),
        None,
    )


def image_for(image: str, current: Version, version: Version) -> str:
    """Return the bootstrapper's image that a point of `version` needs, where `image` is that of `current`.

    The vendor's name changed twice; a site's own copy keeps its name.
    """
    path = image.partition("/")[2] if image.count("/") > 1 else image
    vendors = path == image_repository(current) != image_repository(version)
    return f"{image_repository(version) if vendors else image}:{version}"


def _members(seen: ClusterSeen, before: Before | None) -> tuple[Replica, ...]:
    """Return the replicas that count: those that the registry names, or named before the upgrade took it away."""
    named = seen.configured or (before.members if before else ()) or seen.members
    return tuple(r for r in seen.replicas if r.replica_id in named) if named else seen.replicas


def _versions(seen: ClusterSeen, members: tuple[Replica, ...], before: Before | None) -> set[Version]:
    """Return the versions that run; where an upgrade has just taken the only replica away, what ran before it."""
    if not seen.replicas:
        raise RefusedError(WHERE, "there is no replica", "run `runbook install`")
    if not members:
        raise RefusedError(WHERE, f"no member is on a node that answers: {seen.summary()}", _HEAL)
    for replica in members:
        if replica.services and replica.version is None:
            what = f"replica {replica.replica_id} does not tell its version"
            raise RefusedError(replica.node, what, "see the label com.docker.dtr.version of its containers")
    told = {parse_version(r.version) for r in members if r.version}
    if told:
        return told
    if before:
        return {parse_version(before.running)}
    raise RefusedError(
        WHERE, "no replica has containers", "run `runbook restore --plan`; it names the remedy"
    )


def _mixed(members: tuple[Replica, ...]) -> str:
    runs = ", ".join(f"{r.replica_id} on {r.node} runs {r.version or 'nothing'}" for r in members)
    return f"the replicas are of more versions than an upgrade leaves: {runs}"


def _why_not_well(seen: ClusterSeen, *, interrupted: bool) -> str | None:
    """One replica may be down where an upgrade was cut short: it is the one that was being replaced."""
    down = [member for member in seen.members if member not in {r.replica_id for r in seen.healthy}]
    unreachable = f"{', '.join(seen.unreachable)} did not answer" if seen.unreachable else None
    if interrupted and len(down) <= 1:
        return unreachable
    return why_not_healthy_cluster(seen) or unreachable


def _no_member(replica: Replica) -> Step:
    why = "the registry does not count it: it is left as it is; `runbook repair` clears it"
    return Step(Action.KEEP, replica.node, f"replica {replica.replica_id}", why)


def _step(replica: Replica, wanted: Version, *, alone: bool) -> Step:
    what = f"replica {replica.replica_id}"
    if replica.version == str(wanted) and replica.healthy:
        return Step(Action.KEEP, replica.node, what, f"it runs {wanted} already")
    away = (
        "it is the only one: the registry is away meanwhile"
        if alone
        else "one after another, the others serve"
    )
    since = f"{replica.version or 'nothing'} runs"
    return Step(Action.UPGRADE, replica.node, f"{what} to {wanted}", f"{since}; {away}")


_HEAL = "see `runbook check`; remove or repair what is dead, then run again"
