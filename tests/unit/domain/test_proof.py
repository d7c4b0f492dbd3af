import json

from runbook.domain.image_index import Held, IndexEntry
from runbook.domain.metadata_rows import References
from runbook.domain.proof import prove
from runbook.domain.snapshot import blob_key, id_key
from tests.fakes.metadata_archive import Row, digest_of, merged, rows_of_image

CONFIG, ONE, TWO = b'{"os":"linux"}', b"layer one", b"layer two"
IMAGE = rows_of_image("org/app", "v1", CONFIG, [ONE, TWO])
DIGEST = str(IMAGE["tags"][0]["digest"])


def references_of(tables: dict[str, list[Row]]) -> References:
    references = References()
    for table, rows in tables.items():
        for row in rows:
            references.add(table, json.dumps(row).encode())
    return references


def entry(data: bytes, key: str | None = None, **fields: str) -> IndexEntry:
    return IndexEntry("path", len(data), "", Held.BLOB, key or blob_key(digest_of(data)), **fields)


def index(*blobs: bytes) -> list[IndexEntry]:
    return [entry(blob) for blob in blobs]


def test_nothing_is_missing_when_every_blob_is_there() -> None:
    proof = prove(references_of(IMAGE), index(CONFIG, ONE, TWO), ("org/app:v1", DIGEST))
    assert proof.holds
    assert proof.references_checked == 5  # tag, manifest, config, two layers
    assert (proof.orphans, proof.bytes) == (0, len(CONFIG + ONE + TWO))


def test_what_no_tag_leads_to_is_an_orphan_and_harmless() -> None:
    link = IndexEntry("path", 71, "", Held.LINK, target="sha256:x")
    proof = prove(references_of(IMAGE), [*index(CONFIG, ONE, TWO, b"old"), link])
    assert (proof.holds, proof.orphans) == (True, 1)


def test_a_missing_layer_is_named_with_the_tag_that_leads_to_it() -> None:
    (missing,) = prove(references_of(IMAGE), index(CONFIG, ONE)).missing
    assert str(missing) == f"org/app:v1: {digest_of(TWO)} is not in the image snapshot"


def test_a_missing_config_dangles_too() -> None:
    assert [m.digest for m in prove(references_of(IMAGE), index(ONE, TWO)).missing] == [digest_of(CONFIG)]


def test_a_blob_of_another_size_dangles() -> None:
    cut = entry(b"laye", blob_key(digest_of(ONE)))
    (missing,) = prove(references_of(IMAGE), [*index(CONFIG, TWO), cut]).missing
    assert missing.what == "has 4 bytes in the image snapshot, its manifest says 9"


def test_a_tag_whose_manifest_is_not_in_the_metadata_dangles() -> None:
    rows = {table: content for table, content in IMAGE.items() if table != "manifests"}
    (missing,) = prove(references_of(rows), index(CONFIG, ONE, TWO)).missing
    assert (missing.digest, "does not hold" in missing.what) == (DIGEST, True)


def test_a_manifest_of_another_repository_does_not_help() -> None:
    tag = {"pk": "org/copy:v1", "digest": DIGEST}
    proof = prove(references_of(merged(IMAGE, {"tags": [tag]})), index(CONFIG, ONE, TWO))
    assert [missing.reference for missing in proof.missing] == ["org/copy:v1"]


def test_lists_are_followed_to_every_child() -> None:
    top, middle = digest_of(b"top"), digest_of(b"middle")
    rows: dict[str, list[Row]] = {
        "tags": [{"pk": "org/app:all", "digest": top}],
        "manifests": [
            {"pk": f"org/app@{top}", "digest": top, "manifests": [{"digest": middle}]},
            {"pk": f"org/app@{middle}", "digest": middle, "manifests": [{"digest": DIGEST}, {"digest": top}]},
        ],
    }
    rows = merged(rows, {"manifests": IMAGE["manifests"], "blobs": IMAGE["blobs"]})
    assert prove(references_of(rows), index(CONFIG, ONE, TWO)).holds
    assert [missing.reference for missing in prove(references_of(rows), index(CONFIG, ONE)).missing] == [
        "org/app:all"
    ]


def test_a_list_with_a_missing_child_dangles() -> None:
    top = digest_of(b"top")
    row = {"pk": f"org/app@{top}", "digest": top, "manifests": [{"digest": DIGEST}]}
    rows: dict[str, list[Row]] = {"tags": [{"pk": "org/app:all", "digest": top}], "manifests": [row]}
    assert [missing.digest for missing in prove(references_of(rows), []).missing] == [DIGEST]


def with_ids() -> dict[str, list[Row]]:
    blobs = [{"sha256sum": digest_of(data), "id": f"{n}f-id"} for n, data in enumerate((CONFIG, ONE, TWO))]
    return {**IMAGE, "blobs": blobs}


def test_id_named_blobs_are_found_through_the_metadata() -> None:
    entries = [entry(data, id_key(f"{n}f-id")) for n, data in enumerate((CONFIG, ONE, TWO))]
    assert prove(references_of(with_ids()), entries).holds
    assert len(prove(references_of(with_ids()), entries[:2]).missing) == 1


def test_blobs_named_by_digest_may_stand_beside_id_named_ones() -> None:
    entries = [entry(CONFIG), entry(ONE), entry(TWO, id_key("2f-id"))]
    assert prove(references_of(with_ids()), entries).holds


def test_a_wrong_digest_is_found_where_the_bytes_were_hashed() -> None:
    wrong = entry(b"layer 0ne", id_key("1f-id"), sha256=digest_of(b"layer 0ne")[7:])
    entries = [entry(CONFIG), wrong, entry(TWO)]
    (missing,) = prove(references_of(with_ids()), entries).missing
    assert "hashes to" in missing.what


def test_the_canary_must_be_there_and_be_the_one_that_was_pushed() -> None:
    blobs = index(CONFIG, ONE, TWO)
    absent = prove(references_of(IMAGE), blobs, ("org/canary:x", DIGEST))
    other = prove(references_of(IMAGE), blobs, ("org/app:v1", digest_of(b"other")))
    assert "its tag is not in the metadata" in absent.missing[0].what
    assert "its tag leads to" in other.missing[0].what


def test_manifests_that_disagree_about_a_size_are_found() -> None:
    other = rows_of_image("org/app", "v2", CONFIG, [ONE])
    row = {**other["manifests"][0], "layers": [{"digest": digest_of(ONE), "size": 1000}]}
    proof = prove(references_of(merged(IMAGE, {**other, "manifests": [row]})), index(CONFIG, ONE, TWO))
    assert "is said to have" in proof.missing[0].what
