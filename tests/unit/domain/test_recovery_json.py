import json
from dataclasses import replace

import pytest

from runbook.domain.errors import MismatchError, RefusedError
from runbook.domain.recovery import (
    Manifest,
)
from runbook.domain.recovery_json import FORMAT_VERSION, manifest_from_json, manifest_to_json
from tests.fakes.manifests import MANIFEST as SOUND

MANIFEST = replace(SOUND, recipients=("age1x", "age1y"), details={"flow_run": "1"})


@pytest.mark.parametrize("manifest", [MANIFEST, replace(MANIFEST, canary=None, verified=False)])
def test_a_manifest_reads_back_as_it_was_written(manifest: Manifest) -> None:
    assert manifest_from_json(manifest_to_json(manifest), "x") == manifest


def test_any_changed_byte_is_found() -> None:
    text = manifest_to_json(MANIFEST)
    for place in range(len(text) - 1):
        if text[place : place + 1].isspace():
            continue
        changed = text[:place] + bytes([text[place] ^ 1]) + text[place + 1 :]
        with pytest.raises((MismatchError, RefusedError)):
            manifest_from_json(changed, "x")


def test_a_newer_format_is_refused_with_a_sentence() -> None:
    text = json.dumps({"format_version": FORMAT_VERSION + 1, "whatever": 1}).encode()
    with pytest.raises(
        RefusedError, match=r"x: it has format version 2, .*reads up to 1\nNext: use the newer"
    ):
        manifest_from_json(text, "x")


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"{}", b'{"format_version": "1"}', b'{"format_version": true}']
)
def test_what_is_no_manifest_is_said_to_be_damaged(text: bytes) -> None:
    with pytest.raises(MismatchError, match="the manifest is damaged"):
        manifest_from_json(text, "x")
