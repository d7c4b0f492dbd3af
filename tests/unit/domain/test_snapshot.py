import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook.domain.snapshot import (
    Kind,
    Place,
    SortedLookup,
    StoredObject,
    blob_key,
    classify,
    current_target,
    digest_of_key,
    id_key,
    image_named_by,
    link_proves,
)

HEX = "ab" + "c" * 62
OTHER = "cd" + "e" * 62
ROOT = "docker/registry/v2"
REPOSITORY = f"{ROOT}/repositories/org/team/app"


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (f"{ROOT}/blobs/sha256/ab/{HEX}/data", Place(Kind.BLOB, f"blobs/sha256/ab/{HEX}")),
        (f"{ROOT}/blobs/id/0f/0f3c-77/data", Place(Kind.BLOB, "blobs/id/0f/0f3c-77")),
        (f"{REPOSITORY}/_layers/sha256/{HEX}/link", Place(Kind.LINK, f"sha256:{HEX}")),
        (f"{REPOSITORY}/_manifests/revisions/sha256/{HEX}/link", Place(Kind.LINK, f"sha256:{HEX}")),
        (
            f"{REPOSITORY}/_manifests/revisions/sha256/{HEX}/signatures/sha256/{OTHER}/link",
            Place(Kind.LINK, f"sha256:{OTHER}"),
        ),
        (f"{REPOSITORY}/_manifests/tags/v1/index/sha256/{HEX}/link", Place(Kind.LINK, f"sha256:{HEX}")),
        (
            f"{REPOSITORY}/_manifests/tags/v1/current/link",
            Place(Kind.CURRENT, f"{REPOSITORY}/_manifests/tags/v1/"),
        ),
        (f"{REPOSITORY}/_uploads/0c8c/startedat", Place(Kind.UPLOAD)),
        (f"{REPOSITORY}/_uploads/0c8c/hashstates/sha256/0", Place(Kind.UPLOAD)),
        (f"{ROOT}/blobs/sha256/ab/{HEX}/extra", Place(Kind.OTHER)),
        (f"{ROOT}/blobs/sha256/ab/{HEX[:-1]}/data", Place(Kind.OTHER)),
        ("health-check", Place(Kind.OTHER)),
    ],
)
def test_every_path_of_a_tree_is_known(path: str, place: Place) -> None:
    assert classify(path) == place


@pytest.mark.parametrize(
    ("path", "image"),
    [
        (f"{REPOSITORY}/_layers/sha256/{HEX}/link", "org/team/app"),
        (f"{REPOSITORY}/_manifests/revisions/sha256/{HEX}/link", "org/team/app"),
        (f"{REPOSITORY}/_manifests/tags/v1/current/link", "org/team/app:v1"),
        (f"{REPOSITORY}/_manifests/tags/v1/index/sha256/{HEX}/link", "org/team/app:v1"),
        (f"{REPOSITORY}/_uploads/0c8c/startedat", None),
        (f"{ROOT}/blobs/sha256/ab/{HEX}/data", None),
    ],
)
def test_a_link_names_the_image_that_it_belongs_to(path: str, image: str | None) -> None:
    assert image_named_by(path) == image


def test_a_repository_may_be_called_like_a_part_of_the_tree() -> None:
    path = f"{ROOT}/repositories/org/blobs/_layers/sha256/{HEX}/link"
    assert classify(path) == Place(Kind.LINK, f"sha256:{HEX}")


def test_keys_follow_from_names() -> None:
    assert blob_key(f"sha256:{HEX}") == f"blobs/sha256/ab/{HEX}"
    assert digest_of_key(f"blobs/sha256/ab/{HEX}") == f"sha256:{HEX}"
    assert id_key("0f3c") == "blobs/id/0f/0f3c"
    assert digest_of_key("blobs/id/0f/0f3c") is None


def tag_of(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def test_a_link_is_proven_by_size_and_entity_tag() -> None:
    target = f"sha256:{HEX}"
    assert link_proves(target, StoredObject("x", 71, tag_of(target.encode())))
    assert not link_proves(target, StoredObject("x", 71, tag_of(f"sha256:{OTHER}".encode())))
    assert not link_proves(target, StoredObject("x", 72, tag_of(target.encode())))
    assert not link_proves(target, StoredObject("x", 71, f"{tag_of(target.encode())}-1"))


def test_what_a_tag_points_to_is_found_among_its_revisions() -> None:
    current = StoredObject("x", 71, tag_of(f"sha256:{OTHER}".encode()))
    assert current_target(current, [f"sha256:{HEX}", f"sha256:{OTHER}"]) == f"sha256:{OTHER}"
    assert current_target(current, [f"sha256:{HEX}"]) is None


@given(st.sets(st.text(max_size=4)), st.sets(st.text(max_size=4)))
def test_a_sorted_lookup_finds_what_a_dictionary_finds(there: set[str], wanted: set[str]) -> None:
    lookup = SortedLookup(sorted(there), str)
    assert [key for key in sorted(wanted) if lookup.find(key) is not None] == sorted(there & wanted)


def test_listings_that_are_not_sorted_are_refused() -> None:
    with pytest.raises(ValueError, match="storage's listing"):
        list(map(SortedLookup(["a", "b"], str).find, ["b", "a"]))
    with pytest.raises(ValueError, match="vault's listing"):
        SortedLookup(["b", "a"], str).find("c")
