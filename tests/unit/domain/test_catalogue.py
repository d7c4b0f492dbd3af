from dataclasses import replace

import pytest

from runbook.domain.catalogue import (
    Catalogue,
    Seen,
    Stored,
    differences,
    entry_from_json,
    entry_of,
    entry_to_json,
    leftovers,
)
from runbook.domain.errors import RefusedError
from runbook.domain.recovery import MANIFEST as NAME
from runbook.domain.sealed_json import sealed
from tests.fakes.manifests import MANIFEST

ENTRY = entry_of(MANIFEST, Stored(7, "m"))
OLDER = "20260101T000000Z-00000000"
CATALOGUE = Catalogue({MANIFEST.id: ENTRY})
WHOLE = {NAME: Seen(7, "e", "m"), **dict.fromkeys(MANIFEST.objects, Seen(1, "e"))}


def found(catalogue: Catalogue, folders: dict[str, dict[str, Seen]]) -> list[str]:
    return [damage.what for damage in differences(catalogue, folders)]


def test_an_entry_reads_back_as_it_was_written() -> None:
    assert entry_from_json(entry_to_json(ENTRY), "here") == ENTRY
    assert (ENTRY.blobs, ENTRY.blob_bytes) == (2, 1)


def test_one_changed_letter_of_an_entry_is_found() -> None:
    with pytest.raises(ValueError, match="its seal does not match its content"):
        entry_from_json(entry_to_json(ENTRY).replace(b'"blobs": 2', b'"blobs": 3'), "here")


def test_an_entry_of_a_newer_format_is_refused() -> None:
    with pytest.raises(RefusedError, match="here: it has format version 2, this program reads up to 1"):
        entry_from_json(sealed({"format_version": 2}), "here")


def test_a_whole_point_differs_in_nothing() -> None:
    assert found(CATALOGUE, {MANIFEST.id: WHOLE}) == []


def test_a_retired_point_is_missed_by_nobody_and_what_is_left_of_it_is_said() -> None:
    retired = Catalogue({MANIFEST.id: ENTRY}, {MANIFEST.id: "too old"})
    assert found(retired, {}) == []
    assert leftovers(retired, {MANIFEST.id: WHOLE}) == [
        f"points/{MANIFEST.id} was retired (too old), and 4 objects of it are there"
    ]


def test_a_folder_without_a_manifest_is_no_point_and_no_finding() -> None:
    half = {OLDER: {"metadata.tar.zst.age": Seen(1, "e")}}
    assert found(CATALOGUE, {MANIFEST.id: WHOLE, **half}) == []
    assert leftovers(CATALOGUE, half) == [f"points/{OLDER} was never finished: it has no manifest"]


def test_a_point_older_than_every_other_is_entered_and_a_newer_one_only_if_it_was_announced() -> None:
    newer = "20270101T000000Z-00000000"
    assert CATALOGUE.why_to_enter(OLDER, "x") == "it is older than the catalogue"
    assert Catalogue().why_to_enter(newer, "x") == "it is older than the catalogue"
    assert CATALOGUE.why_to_enter(newer, "x") is None
    announced = replace(CATALOGUE, announced=(newer, "x"))
    assert announced.why_to_enter(newer, "x") == "the run that published it ended before it was entered"
    assert announced.why_to_enter(newer, "other bytes") is None
    assert Catalogue(retired={OLDER: "why"}).why_to_enter(newer, "x") is None
