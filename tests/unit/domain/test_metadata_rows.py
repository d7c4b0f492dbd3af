import base64
import hashlib
import json

import pytest

from runbook.domain.metadata_rows import Descriptor, References

A, B, C = (f"sha256:{letter * 64}" for letter in "abc")


def gathered(table: str, *rows: object) -> References:
    references = References()
    for row in rows:
        references.add(table, json.dumps(row).encode())
    return references


def test_a_tag_row_is_read() -> None:
    (tag,) = gathered("tags", {"pk": "org/app:v1", "repository": "org/app", "name": "v1", "digest": A}).tags
    assert (tag.reference, tag.digest) == ("org/app:v1", A)


def test_a_tag_row_may_hold_only_its_keys() -> None:
    (tag,) = gathered("tags", {"pk": "org/app:v1", "digestPK": f"org/app@{A}"}).tags
    assert (tag.repository, tag.name, tag.digest) == ("org/app", "v1", A)


def test_a_manifest_row_is_read() -> None:
    row = {"pk": f"org/app@{A}", "digest": A, "configDigest": B, "layers": [{"digest": C, "size": 7}]}
    references = gathered("manifests", row)
    assert references.manifests == {f"org/app@{A}": A}
    assert references.contents[A].blobs == (Descriptor(B, None), Descriptor(C, 7))


def test_a_list_names_its_children() -> None:
    row = {"pk": f"org/app@{A}", "digest": A, "manifests": [{"digest": B, "size": 3}, C]}
    assert gathered("manifests", row).contents[A].children == (Descriptor(B, 3), Descriptor(C, None))


@pytest.mark.parametrize("name", ["content", "payload"])
@pytest.mark.parametrize("encode", [lambda text: text, lambda text: base64.b64encode(text.encode()).decode()])
def test_the_manifests_own_text_decides(encode: object, name: str) -> None:
    text = json.dumps({"config": {"digest": B, "size": 2}, "layers": [{"digest": C, "size": 7}]})
    digest = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    row = {"pk": f"org/app@{digest}", "digest": digest, name: encode(text), "layers": []}  # type: ignore[operator]
    assert gathered("manifests", row).contents[digest].blobs == (Descriptor(B, 2), Descriptor(C, 7))


def test_a_text_that_does_not_hash_to_its_digest_is_refused() -> None:
    with pytest.raises(ValueError, match="does not hash"):
        gathered("manifests", {"pk": f"org/app@{A}", "digest": A, "payload": "{}"})


def test_layers_that_clients_fetch_elsewhere_are_not_wanted() -> None:
    kind = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    row = {"pk": f"o/a@{A}", "digest": A, "configDigest": B, "layers": [{"digest": C, "mediaType": kind}]}
    assert gathered("manifests", row).contents[A].blobs == (Descriptor(B, None),)


def test_an_old_manifest_names_layers_without_size() -> None:
    row = {"pk": f"o/a@{A}", "digest": A, "fsLayers": [{"blobSum": B}]}
    assert gathered("manifests", row).contents[A].blobs == (Descriptor(B, None),)


def test_blobs_are_known_by_id_and_by_bare_digest() -> None:
    references = gathered("blobs", {"sha256sum": A[7:], "id": "0f3c"}, {"sha256sum": B, "size": 4})
    assert references.blobs == {A: ("0f3c", None), B: ("", 4)}


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("tags", {"pk": "a:b"}),
        ("tags", {"digest": A}),
        ("manifests", {"digest": "md5:1"}),
        ("blobs", {}),
        ("tags", []),
    ],
)
def test_a_row_without_what_makes_it_one_is_refused(table: str, row: object) -> None:
    with pytest.raises(ValueError, match=r"is not|names no"):
        gathered(table, row)
