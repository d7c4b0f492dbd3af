"""Whether a registry may go from the version that runs to the one that is wanted, and the way there."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from runbook.domain.errors import RefusedError
from runbook.domain.formats import refuse_newer_record
from runbook.domain.health import ClusterSeen, Replica, why_not_healthy_cluster
from runbook.domain.holds import Crons, shown_otherwise
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
    through: str  # the replica that the bootstrapper works through
    resumed: bool  # some of it was done by a run that was cut short

    @property
    def done(self) -> bool:
        """True when every replica runs the wanted version."""
        return all(step.action is Action.KEEP for step in self.steps)


def choose_upgrade(seen: ClusterSeen, wanted: Version, before: Before | None = None) -> Upgrade:
    """Return what brings every replica to `wanted`; RefusedError says why it may not, and the way that is open.

    A cluster of two versions is taken for an interrupted upgrade if the newer one is wanted; so is one that has
    an upgrade on record. Only then one replica may be down.
    """
    there = _versions(seen, before)
    older = sorted(there - {wanted})
    if len(older) > 1:
        raise RefusedError(
            WHERE, _mixed(seen), f"finish the upgrade to {older[-1]} first: `--to {older[-1]}`"
        )
    running = older[0] if older else wanted
    require_pair(running, wanted)
    resumed = before is not None and before.wanted == str(wanted) or len(there) > 1
    if reason := _why_not_well(seen, resumed=resumed):
        raise RefusedError(WHERE, f"the cluster is not healthy: {reason}", _HEAL)
    steps = tuple(_step(replica, wanted, alone=len(seen.replicas) == 1) for replica in seen.replicas)
    through = (seen.healthy or seen.replicas)[0].replica_id
    return Upgrade(running, wanted, steps, through, resumed)


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


def _versions(seen: ClusterSeen, before: Before | None) -> set[Version]:
    """Return the versions that run; where an upgrade has just taken the only replica away, what ran before it."""
    if not seen.replicas:
        raise RefusedError(WHERE, "there is no replica", "run `runbook install`")
    for replica in seen.replicas:
        if replica.services and replica.version is None:
            what = f"replica {replica.replica_id} does not tell its version"
            raise RefusedError(replica.node, what, "see the label com.docker.dtr.version of its containers")
    told = {parse_version(r.version) for r in seen.replicas if r.version}
    if told:
        return told
    if before:
        return {parse_version(before.running)}
    raise RefusedError(
        WHERE, "no replica has containers", "run `runbook restore --plan`; it names the remedy"
    )


def _mixed(seen: ClusterSeen) -> str:
    runs = ", ".join(f"{r.replica_id} on {r.node} runs {r.version or 'nothing'}" for r in seen.replicas)
    return f"the replicas are of more versions than an upgrade leaves: {runs}"


def _why_not_well(seen: ClusterSeen, *, resumed: bool) -> str | None:
    """One replica may be down where an upgrade was cut short: it is the one that was being replaced."""
    down = [member for member in seen.members if member not in {r.replica_id for r in seen.healthy}]
    unreachable = f"{', '.join(seen.unreachable)} did not answer" if seen.unreachable else None
    if resumed and len(down) <= 1:
        return unreachable
    return why_not_healthy_cluster(seen) or unreachable


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
