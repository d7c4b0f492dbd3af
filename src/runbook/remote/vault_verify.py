"""All recovery points of a vault, held against its catalogue: by listings, by a share of the bytes, or by all.

Every blob is read once, however many points share it. A sound vault costs a quick look no decryption; what a
look finds is held against the indexes, to say which points need it.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain

from runbook.domain.catalogue import Entry
from runbook.domain.errors import RefusedError
from runbook.domain.recovery import INDEX, MANIFEST, Manifest
from runbook.domain.sampling import Budget, Item, next_share
from runbook.domain.vault_report import VaultReport
from runbook.domain.verification import Damage, Mode, State, still_known
from runbook.remote.blob_check import listed, why_not_intact
from runbook.remote.catalogue import Look, look_at, read_catalogue
from runbook.remote.encryption import recipient_of
from runbook.remote.hashing import hashed
from runbook.remote.needed_images import Place, needed_by, needed_images
from runbook.remote.recovery_points import load_point
from runbook.remote.recovery_verify import Contents, VerifyReport, read_back, verify_point
from runbook.remote.vault import NotThereError
from runbook.remote.verifications import change_state, etags, read_state
from runbook.remote.wanted_blobs import WantedBlob, WantedBlobs, blobs_of, save_wanted, saved_wanted

AT_ONCE = 50_000
"""Objects of a sample that are chosen at once: they are kept in memory."""


def verify_vault(place: Place, mode: Mode, budget: Budget | None = None) -> VaultReport:
    """Return what is wrong with all recovery points, and leave on record what was looked at.

    Nothing else is changed, but that a point which belongs in the catalogue and is not there is entered.
    """
    look = look_at(place.vault, place.cluster, place.records)
    run = _Run(place, VaultReport(mode, len(look.catalogue.live), notes=list(look.notes)), look.damaged)
    for damage in look.damages:
        run.report.note(damage)
    if mode is Mode.QUICK:
        run.look_at_blobs(look)
    elif mode is Mode.FULL:
        run.read_all(look)
    else:
        run.read_share(look, budget or Budget())
    return run.ended(look)


class _Run:
    """One verification of a whole vault."""

    def __init__(self, place: Place, report: VaultReport, looked: Collection[str]) -> None:
        self._place, self.report = place, report
        self._vault, self._cluster = place.vault, place.cluster
        self._began = place.now()
        self._looked = set(looked)  # keys of what is known to be wrong before the bytes are read
        self._state = read_state(place.vault, place.cluster)
        self._known = {d.key for record in self._state.records.values() for d in record.damages}
        self._read_again: set[str] = set()
        self._opened: set[str] = set()
        self.report.rotation = self._state.rotation

    def look_at_blobs(self, look: Look) -> None:
        """Hold the list that the last sample or full run has kept against a listing; it opens nothing."""
        saved = saved_wanted(self._vault, self._cluster)
        if saved is None:
            self.report.notes.append(
                "images were not looked at: the first sample or full verification lists them"
            )
            return
        live = {entry.id for entry in look.catalogue.live}
        wanted = (blob for blob in saved if blob.point in live)
        self.report.blobs = sum(1 for _ in listed(self._vault, self._cluster, wanted, self._note_listed))

    def read_all(self, look: Look) -> None:
        """Read back each point, and then every blob that any of them needs."""
        wanted = WantedBlobs()
        for entry in self._that_open(look):
            try:
                contents = self._read_back(entry)
            except NotThereError:  # it was removed since it was looked at: on purpose, or not
                key = f"points/{entry.id}/{MANIFEST}"
                self.report.note(Damage(key, f"{key} is not in the vault any more"))
                continue
            wanted = wanted.merged(blobs_of(contents.index, entry.id, contents.digests))
        wanted = self._kept_in_mind(look, wanted)
        self._read(listed(self._vault, self._cluster, wanted, self._note_listed))
        self.report.rotation = self._state.rotation.after_all(self._began)

    def _that_open(self, look: Look) -> list[Entry]:
        """Return the points that the identity opens; of the others a note, for another key is no damage."""
        if not look.readable:
            return []
        own = recipient_of(self._place.identity())
        entries = [entry for entry in look.readable if self._is_for(entry, own)]
        if not entries:
            raise RefusedError("vault.identity", "it opens none of the points", _OWN_KEY)
        self._opened = {entry.id for entry in entries}
        self.report.notes += [
            f"points/{entry.id} is encrypted for other keys: it was not opened"
            for entry in look.readable
            if entry.id not in self._opened
        ]
        return entries

    def _is_for(self, entry: Entry, recipient: str) -> bool:
        try:
            return recipient in load_point(self._vault, self._cluster, entry.id).recipients
        except NotThereError:  # it was removed since it was looked at
            return True

    def _kept_in_mind(self, look: Look, wanted: WantedBlobs) -> WantedBlobs:
        """Return the blobs with those that an earlier run listed for points that this one cannot read; save them."""
        spoiled = {damage.key for damage in self.report.damages}
        read = {name for name in self._opened if f"points/{name}/{INDEX}" not in spoiled}
        unread = {entry.id for entry in look.catalogue.live} - read
        if unread:
            saved = saved_wanted(self._vault, self._cluster) or ()
            wanted = wanted.merged(blob for blob in saved if blob.point in unread)
        save_wanted(self._place.records, self._cluster, wanted)
        return wanted

    def _read_back(self, entry: Entry) -> Contents:
        manifest = load_point(self._vault, self._cluster, entry.id)
        report, contents = read_back(self._vault, manifest, self._place.identity())
        self.report.objects += report.objects
        self.report.bytes_read += report.bytes_read
        for damage in report.damages:
            self._note_new(Damage(damage.key, f"points/{entry.id}/{damage.what}", damage.etag))
        return contents

    def read_share(self, look: Look, budget: Budget) -> None:
        """Read the share of all objects that is due, and list what the points need for the looks to come."""
        wanted = needed_images(self._place, self._that_open(look), self._note_once)
        wanted = self._kept_in_mind(look, wanted)
        rotation, arc, size = self._state.rotation, budget.arc, budget.bytes
        note: Callable[[WantedBlob, Damage], None] = self._note_listed
        go_on = _Until(budget.seconds)
        while arc > 0 and (size is None or size > 0):
            items = chain(_parts(look), listed(self._vault, self._cluster, wanted, note))
            share = next_share(items, rotation.cursor, arc, max_bytes=size, at_most=AT_ONCE)
            before = self.report.bytes_read
            count = self._read(share.items, go_on)
            reach = share.reached(count)
            rotation, arc = rotation.advanced(reach, self._began), arc - reach
            size = None if size is None else size - (self.report.bytes_read - before)
            note = _noted_before
            if count < len(share.items):
                break
        self.report.rotation = rotation

    def _read(self, items: Iterable[Item], go_on: Callable[[], bool] = lambda: True) -> int:
        """Read the objects, note those that are not what they were, and return how many were read."""
        count = 0
        for read in hashed(self._vault, f"{self._cluster}/", items, go_on):
            count += 1
            self.report.bytes_read += read.item.size
            if read.item.key.startswith("points/"):
                self.report.objects += 1
            else:
                self.report.blobs += 1
            if read.item.key in self._known:
                self._read_again.add(read.item.key)
            if reason := why_not_intact(read):
                self._note_new(Damage(read.item.key, reason, read.item.etag))
        return count

    def _note_new(self, damage: Damage) -> None:
        """Take in what is wrong with an object, unless that was found already when it was looked at."""
        if damage.key not in self._looked:
            self.report.note(damage)

    def _note_once(self, damage: Damage) -> None:
        self._note_new(damage)
        self._looked.add(damage.key)

    def _note_listed(self, _blob: WantedBlob, damage: Damage) -> None:
        self.report.note(damage)

    def ended(self, look: Look) -> VaultReport:
        """Leave on record what was found with each point, and return the report."""
        retired = read_catalogue(self._vault, self._cluster).retired.keys()
        by_point = self._by_point(look, retired)
        if retired - look.catalogue.retired.keys():
            self._forget(by_point)
        read_again = None if self.report.mode is Mode.FULL else self._read_again
        etag_of = etags(self._vault, self._cluster)

        def change(state: State) -> State:
            found = {
                name: (*damages, *still_known(state.known(name), etag_of, read_again))
                for name, damages in by_point.items()
            }
            after = state.after((self.report.mode, self._began), found, retired)
            turn = self.report.rotation
            return after if self.report.mode is Mode.QUICK else State(turn, after.records)

        self._note_known(change_state(self._place.records, self._cluster, change))
        return self.report

    def _note_known(self, state: State) -> None:
        """Take in what earlier runs found and nobody has mended: a vault with that is not sound."""
        found = {damage.key for damage in self.report.damages}
        for damage in dict.fromkeys(d for record in state.records.values() for d in record.damages):
            if damage.key not in found:
                self.report.note(damage)

    def _forget(self, by_point: Mapping[str, Sequence[Damage]]) -> None:
        """Drop what was found of points that were removed on purpose while this run looked."""
        real = {damage for damages in by_point.values() for damage in damages}
        kept = [d for d in self.report.damages if d in real or d.key.startswith("catalogue/")]
        self.report.found -= len(self.report.damages) - len(kept)
        self.report.damages = kept

    def _by_point(self, look: Look, retired: Collection[str]) -> dict[str, list[Damage]]:
        """Return what is wrong with each point: its own objects, and the images that it needs."""
        found: dict[str, list[Damage]] = {e.id: [] for e in look.catalogue.live if e.id not in retired}
        blobs = {d.key: d for d in self.report.damages if d.key.startswith("blobs/")}
        for damage in self.report.damages:
            if damage.point and damage.point not in retired:
                found.setdefault(damage.point, []).append(damage)
        for entry in look.readable if blobs else ():
            if entry.id in found:
                found[entry.id] += [blobs[key] for key in needed_by(self._place, entry) if key in blobs]
        return found


def _parts(look: Look) -> Iterator[Item]:
    damaged = look.damaged
    for entry in look.readable:
        for name, stored in sorted(entry.objects.items()):
            if f"points/{entry.id}/{name}" in damaged:
                continue
            etag = look.folders[entry.id][name].etag
            yield Item(f"points/{entry.id}/{name}", stored.size, stored.sha256, etag)


def _noted_before(_blob: WantedBlob, _damage: Damage) -> None:
    """A listing that is walked again finds the same."""


class _Until:
    """Says yes until the seconds have passed since it was first asked, and at least once."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._end: float | None = None

    def __call__(self) -> bool:
        if self._seconds is None:
            return True
        if self._end is None:
            self._end = time.monotonic() + self._seconds
            return True
        return time.monotonic() < self._end


def verify_one(place: Place, manifest: Manifest, *, full: bool = False) -> VerifyReport:
    """Return what is wrong with one point, opened and proven, and leave it on record; `full` reads its blobs too."""
    began = place.now()
    look = look_at(place.vault, place.cluster, place.records)
    if recipient_of(place.identity()) not in manifest.recipients:
        raise RefusedError("vault.identity", f"it does not open recovery point {manifest.id}", _OWN_KEY)
    report = verify_point(place.vault, manifest, place.identity(), full=full)
    known = {damage.key for damage in report.damages}
    report.damages += [d for d in look.damages if d.point == manifest.id and d.key not in known]
    read_again = None if full else {f"points/{manifest.id}/{name}" for name in manifest.objects}
    etag_of = etags(place.vault, place.cluster)

    def change(state: State) -> State:
        before = still_known(state.known(manifest.id), etag_of, read_again)
        mode = Mode.FULL if full else Mode.POINT
        return state.after((mode, began), {manifest.id: (*report.damages, *before)})

    change_state(place.records, place.cluster, change)
    return report


_OWN_KEY = "give the identity of one of the recipients that `runbook points show` names"
