"""Every kind of damage in a vault, made by hand, and the modes that find it; both kinds of vault."""

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from runbook.domain.errors import RefusedError
from runbook.domain.recovery import (
    INDEX,
    MANIFEST,
    METADATA,
    SIDECAR,
    newest_verified,
    passed_over,
)
from runbook.domain.recovery_json import manifest_to_json
from runbook.domain.sampling import Budget, budget_of
from runbook.domain.verification import Damage, Mode
from runbook.remote.catalogue import announce, read_catalogue, retire, settle
from runbook.remote.encryption import generate_identity
from runbook.remote.needed_images import Place
from runbook.remote.recovery_points import list_points, load_point, publish
from runbook.remote.storage import S3Storage
from runbook.remote.vault import Vault
from runbook.remote.vault_file import FileVault
from runbook.remote.vault_s3 import S3Vault
from runbook.remote.vault_verify import verify_one, verify_vault
from runbook.remote.verifications import change_state
from runbook.remote.wanted_blobs import saved_wanted
from tests.fakes.metadata_archive import digest_of, rows_of_image
from tests.fakes.stored_images import id_path, tree_of
from tests.integration.recovery_fixtures import Endpoint, s3_endpoint
from tests.integration.taken_points import back_up
from tests.integration.verified_site import (
    ALL,
    CONFIG,
    LATER,
    NEW,
    NOON,
    OLD,
    ONE,
    RECIPIENT,
    TWO,
    Site,
    blob,
    flipped,
    part,
)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with s3_endpoint() as seen:
        yield seen


@pytest.fixture(scope="module")
def sound(endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A folder with two points, which each test has a copy of."""
    vault = FileVault(tmp_path_factory.mktemp("sound"))
    site = Site(vault, S3Storage(endpoint.client, endpoint.new_bucket()))
    for path, data in tree_of("org/app", {}, [CONFIG, ONE, TWO]).items():
        site.storage.put_bytes(path, data)
    publish(site.vault, site.take(OLD))
    for path, data in tree_of("org/app", {}, [LATER]).items():
        site.storage.put_bytes(path, data)
    publish(site.vault, site.take(NEW))
    assert site.findings(Mode.FULL) == []
    return site


@pytest.fixture(params=["file", "s3"])
def site(request: pytest.FixtureRequest, sound: Site, endpoint: Endpoint, tmp_path: Path) -> Site:
    vault: Vault = FileVault(tmp_path)
    if request.param == "s3":
        vault = S3Vault(endpoint.client, endpoint.new_bucket())
    for seen in sound.vault.list("prod/"):
        vault.put_bytes(seen.key, sound.vault.get_bytes(seen.key))
    return Site(vault, sound.storage)


@pytest.fixture
def folder(sound: Site, tmp_path: Path) -> Site:
    shutil.copytree(Path(sound.vault.where.removeprefix("file://")), tmp_path / "vault")
    return Site(FileVault(tmp_path / "vault"), sound.storage)


def plant(site: Site) -> None:
    """Leave a whole point in the vault that no backup has published."""
    planted = site.take("20261123T010203Z-8c9d0e1f")
    site.vault.put_bytes(part(MANIFEST, planted.id), manifest_to_json(planted))


EVERY = {Mode.QUICK, Mode.SAMPLE, Mode.FULL}
READING = {Mode.SAMPLE, Mode.FULL}
DAMAGES: dict[str, tuple[Callable[[Site], None], set[Mode], str]] = {
    "a missing object": (lambda s: s.vault.delete(part(METADATA)), EVERY, f"points/{NEW}/{METADATA} is not in"),
    "a cut object": (lambda s: s.change(part(INDEX), lambda d: d[:-9]), EVERY, f"points/{NEW}/{INDEX} has "),
    "a flipped bit": (lambda s: s.change(part(METADATA), flipped), READING, f"points/{NEW}/{METADATA}"),
    "swapped objects": (lambda s: s.swap(part(INDEX), part(SIDECAR)), EVERY, f"points/{NEW}/{INDEX} has "),
    "an extra object": (
        lambda s: s.vault.put_bytes(part("notes.txt"), b"x"),
        EVERY,
        f"points/{NEW}/notes.txt is there, and its manifest does not name it",
    ),
    "a point that nobody published": (
        plant,
        EVERY,
        f"points/20261123T010203Z-8c9d0e1f/{MANIFEST} is there, and the catalogue does not know it",
    ),
    "a deleted point": (lambda s: s.delete_point(NEW), EVERY, f"points/{NEW} is gone"),
    "a deleted older point": (lambda s: s.delete_point(OLD), EVERY, f"points/{OLD} is gone"),
    "a deleted manifest": (lambda s: s.vault.delete(part(MANIFEST)), EVERY, f"points/{NEW}/{MANIFEST} is not in"),
    "a replaced manifest": (
        lambda s: s.change(part(MANIFEST), lambda d: d.replace(b'"tags": 1', b'"tags": 2')),
        EVERY,
        f"points/{NEW}/{MANIFEST} hashes to ",
    ),
    "a damaged entry of the catalogue": (
        lambda s: s.change(f"prod/catalogue/{NEW}.json", lambda d: d.replace(b'"blobs": 4', b'"blobs": 5')),
        EVERY,
        f"catalogue/{NEW}.json is damaged: its seal does not match",
    ),
    "a missing blob": (lambda s: s.vault.delete(blob(ONE)), EVERY, f"{blob(ONE)[5:]} is not in the vault"),
    "a cut blob": (lambda s: s.change(blob(ONE), lambda d: d[:-9]), EVERY, f"{blob(ONE)[5:]} has 291 bytes"),
    "a flipped bit in a blob": (lambda s: s.change(blob(ONE), flipped), READING, blob(ONE)[5:]),
    "swapped blobs": (lambda s: s.swap(blob(ONE), blob(TWO)), READING, blob(ONE)[5:]),
}  # fmt: skip


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damage_is_found_by_the_modes_that_can_see_it(site: Site, kind: str) -> None:
    damage, found_by, words = DAMAGES[kind]
    damage(site)
    for mode in (Mode.QUICK, Mode.SAMPLE, Mode.FULL):
        found = site.findings(mode)
        if mode in found_by:
            assert any(finding.startswith(words) for finding in found), (mode, found)
        else:
            assert found == [], mode


@pytest.mark.parametrize("mode", [Mode.SAMPLE, Mode.FULL])
@pytest.mark.parametrize(
    "damage",
    [lambda s: s.vault.put_bytes(part("notes.txt"), b"x"), lambda s: s.vault.delete(part(METADATA))],
    ids=["an extra object", "a missing object"],
)
def test_what_is_wrong_with_a_point_does_not_hide_what_is_wrong_with_its_images(
    folder: Site, damage: Callable[[Site], None], mode: Mode
) -> None:
    damage(folder)
    folder.change(blob(LATER), flipped)  # the damaged point alone needs it
    seen, image = folder.findings(mode)
    assert seen.startswith(f"points/{NEW}/")
    assert image.startswith(blob(LATER)[5:])


def test_a_damaged_index_is_one_finding_of_a_sample_although_it_is_opened_and_hashed(folder: Site) -> None:
    folder.change(part(INDEX), flipped)
    (found,) = folder.findings(Mode.SAMPLE)
    assert found.startswith(f"points/{NEW}/{INDEX}: it cannot be decrypted")


def test_a_sound_vault_has_no_finding_and_each_blob_is_read_once(site: Site) -> None:
    reports = [site.verify(mode) for mode in (Mode.QUICK, Mode.SAMPLE, Mode.FULL)]
    assert [report.damages for report in reports] == [[], [], []]
    assert [report.notes for report in reports] == [[], [], []]
    assert [report.points for report in reports] == [2, 2, 2]
    assert [report.blobs for report in reports] == [4, 4, 4]  # 3 of them in both points
    assert [report.objects for report in reports] == [0, 6, 6]


def test_a_quick_look_at_a_sound_vault_opens_nothing(site: Site) -> None:
    site.opened = 0
    assert site.verify(Mode.QUICK).sound
    assert site.opened == 0


def test_samples_go_on_where_the_last_one_ended_until_every_object_was_read(folder: Site) -> None:
    folder.change(part(METADATA, OLD), flipped)
    folder.change(part(SIDECAR), flipped)
    runs = [folder.verify(Mode.SAMPLE, budget_of(percent=25)) for _ in range(4)]
    assert {damage.key for run in runs for damage in run.damages} == {
        f"points/{OLD}/{METADATA}",
        f"points/{NEW}/{SIDECAR}",
    }
    found = [len(run.damages) for run in runs]
    assert found == sorted(found)  # what one has found stays until it is mended
    assert found[-1] == 2
    assert sum(run.objects + run.blobs for run in runs) == 10
    assert [round(run.rotation.coverage, 2) for run in runs] == [0.25, 0.5, 0.75, 0]
    assert runs[-1].rotation.whole == NOON + timedelta(minutes=1)  # when the first of them began


@pytest.mark.parametrize(
    "budget", [budget_of(max_bytes=1), budget_of(minutes=1e-9)], ids=["bytes", "minutes"]
)
def test_the_smallest_budget_reads_one_object_a_run_and_comes_round(folder: Site, budget: Budget) -> None:
    runs = [folder.verify(Mode.SAMPLE, budget) for _ in range(10)]
    read = [run.objects + run.blobs for run in runs]
    assert sum(read) >= 9
    assert max(read[:-1]) <= (1 if budget.bytes else 8)  # a thread each may have begun one


def test_a_quick_look_beside_a_sample_takes_nothing_back_of_how_far_it_came(folder: Site) -> None:
    folder.vault.delete(blob(ONE))

    def sample() -> None:
        folder.verify(Mode.SAMPLE, budget_of(percent=25))

    folder.while_open.append(sample)
    folder.verify(Mode.QUICK)
    assert folder.verify(Mode.SAMPLE, budget_of(percent=25)).rotation.coverage == 0.5


def test_what_was_found_stays_known_until_it_is_mended_and_a_restore_takes_another_point(
    folder: Site,
) -> None:
    whole = folder.vault.get_bytes(blob(LATER))
    folder.vault.put_bytes(blob(LATER), flipped(whole))
    assert folder.findings(Mode.FULL)
    folder.verify(Mode.QUICK)  # reads no byte, and so takes nothing back
    old, new = list_points(folder.vault, "prod")
    assert (old.damage, (new.damage or "").partition(" ")[0]) == (
        None,
        blob(LATER)[5:],
    )  # only one point needs it
    assert newest_verified([old, new]) == old
    assert passed_over([old, new], OLD) == (f"recovery point {NEW} is damaged: {new.damage}",)
    folder.vault.put_bytes(blob(LATER), whole)
    assert newest_verified(list_points(folder.vault, "prod")).id == NEW  # type: ignore[union-attr]
    assert folder.findings(Mode.FULL) == []
    assert [point.damage for point in list_points(folder.vault, "prod")] == [None, None]


def test_what_is_read_again_and_found_sound_is_not_known_to_be_damaged_any_more(folder: Site) -> None:
    seen = folder.vault.head(blob(LATER))
    assert seen
    misread = Damage(blob(LATER)[5:], "a disk that failed once", seen.etag)
    change_state(folder.vault, "prod", lambda state: state.after((Mode.FULL, NOON), {NEW: [misread]}))
    for mode, found in ((Mode.QUICK, ["a disk that failed once"]), (Mode.SAMPLE, [])):
        assert folder.findings(mode) == found
        assert (list_points(folder.vault, "prod")[1].damage is not None) is bool(found)


def test_an_identity_that_opens_no_point_is_refused_and_nothing_is_on_record(folder: Site) -> None:
    other = generate_identity()[0]
    before = folder.vault.get_bytes("prod/verifications/state.json")
    place = Place(folder.vault, "prod", lambda: other, folder.now, folder.vault)
    for mode in (Mode.SAMPLE, Mode.FULL):
        with pytest.raises(RefusedError, match="vault.identity: it opens none of the points"):
            verify_vault(place, mode, ALL)
    with pytest.raises(RefusedError, match=f"vault.identity: it does not open recovery point {NEW}"):
        verify_one(place, load_point(folder.vault, "prod", NEW))
    assert folder.vault.get_bytes("prod/verifications/state.json") == before


def test_images_of_a_point_whose_index_cannot_be_read_stay_looked_after(folder: Site) -> None:
    folder.change(part(INDEX), flipped)
    folder.verify(Mode.SAMPLE)
    folder.vault.delete(blob(LATER))
    assert f"{blob(LATER)[5:]} is not in the vault" in folder.findings(Mode.QUICK)


def test_points_that_are_older_than_the_catalogue_are_entered_and_it_is_said(folder: Site) -> None:
    for seen in list(folder.vault.list("prod/catalogue/")):
        folder.vault.delete(seen.key)
    report = folder.verify(Mode.QUICK)
    assert report.damages == []
    assert report.notes == [
        f"points/{identifier} was entered in the catalogue: it is older than the catalogue"
        for identifier in (NEW, OLD)
    ]
    assert folder.verify(Mode.QUICK).notes == []
    folder.delete_point(OLD)
    assert folder.findings(Mode.QUICK) == [
        f"points/{OLD} is gone: the catalogue names it, and nothing of it is in the vault"
    ]


def test_a_point_whose_run_died_before_it_was_entered_is_entered_by_the_next(folder: Site) -> None:
    manifest = folder.take("20261123T010203Z-8c9d0e1f")
    announce(folder.vault, manifest)
    assert folder.findings(Mode.QUICK) == []  # it died before the manifest: there is no point
    folder.vault.put_bytes(part(MANIFEST, manifest.id), manifest_to_json(manifest), only_if_absent=True)
    (said,) = settle(folder.vault, "prod")
    assert said.startswith(
        f"points/{manifest.id} was entered in the catalogue: the run that published it ended"
    )
    assert manifest.id in read_catalogue(folder.vault, "prod").entries
    assert settle(folder.vault, "prod") == ()
    assert folder.findings(Mode.FULL) == []


def test_a_point_that_was_retired_is_not_missed(folder: Site) -> None:
    retire(folder.vault, "prod", OLD, "older than 30 days")
    assert folder.verify(Mode.QUICK).notes == [
        f"points/{OLD} was retired (older than 30 days), and 4 objects of it are there"
    ]
    folder.delete_point(OLD)
    for mode in (Mode.QUICK, Mode.SAMPLE, Mode.FULL):
        report = folder.verify(mode)
        assert (report.points, report.damages, report.notes) == (1, [], [])


@pytest.mark.parametrize("point", [OLD, NEW])
@pytest.mark.parametrize("mode", [Mode.SAMPLE, Mode.FULL])
def test_a_point_that_is_retired_while_it_is_looked_at_is_not_missed(
    folder: Site, point: str, mode: Mode
) -> None:
    def prune() -> None:
        retire(folder.vault, "prod", point, "older than 30 days")
        folder.delete_point(point)
        if point == NEW:
            folder.vault.delete(blob(LATER))

    folder.while_open.append(prune)
    assert folder.findings(mode) == []


def with_id_named_blobs(vault: Vault, endpoint: Endpoint) -> Site:
    site = Site(vault, S3Storage(endpoint.client, endpoint.new_bucket()))
    rows = rows_of_image("org/app", "v1", CONFIG, [ONE, TWO])
    blobs = [{"sha256sum": digest_of(data), "id": f"{n}f-x"} for n, data in enumerate((CONFIG, ONE, TWO))]
    for row, data in zip(blobs, (CONFIG, ONE, TWO), strict=True):
        site.storage.put_bytes(id_path(row["id"]), data)
    publish(site.vault, back_up(site.vault, site.storage, OLD, {**rows, "blobs": blobs}, RECIPIENT))
    return site


def test_a_flipped_bit_of_an_id_named_blob_is_found(endpoint: Endpoint, tmp_path: Path) -> None:
    site = with_id_named_blobs(FileVault(tmp_path), endpoint)
    assert site.findings(Mode.SAMPLE) == []
    site.vault.put_bytes("prod/blobs/id/1f/1f-x", flipped(ONE))
    assert site.findings(Mode.QUICK) == []
    (found,) = site.findings(Mode.SAMPLE)
    assert found.startswith("blobs/id/1f/1f-x hashes to sha256:")


def test_metadata_is_opened_once_for_the_digests_of_id_named_blobs_that_the_server_copied(
    endpoint: Endpoint,
) -> None:
    site = with_id_named_blobs(S3Vault(endpoint.client, endpoint.new_bucket()), endpoint)
    for opened in (3, 2):  # to know whose it is, the index and the metadata; then without the metadata
        site.opened = 0
        assert site.findings(Mode.SAMPLE) == []
        assert site.opened == opened
    wanted = {f"sha256:{seen.sha256}" for seen in saved_wanted(site.vault, "prod") or ()}
    assert wanted == {digest_of(data) for data in (CONFIG, ONE, TWO)}


def test_a_vault_without_any_point_is_sound(tmp_path: Path) -> None:
    site = Site(FileVault(tmp_path), None)  # type: ignore[arg-type]
    reports = [site.verify(mode) for mode in (Mode.QUICK, Mode.SAMPLE, Mode.FULL)]
    assert [(report.points, report.sound) for report in reports] == [(0, True)] * 3
