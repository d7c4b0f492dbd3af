from dataclasses import replace

import pytest

from runbook.domain.errors import RefusedError
from runbook.domain.export import parts_to_export, readme
from runbook.domain.recovery import StoredPart
from tests.fakes.manifests import MANIFEST

PART = StoredPart(1, "a", 2, "b")
SIDECAR = {
    "node": "dtr1",
    "registry": {"image": "mirantis/dtr", "external_url": "https://registry.example.com"},
}


def test_each_part_gets_its_plain_name_and_the_tar_comes_first() -> None:
    manifest = replace(
        MANIFEST, objects={"control-plane.tar.zst.age": PART, "a.age": PART, **MANIFEST.objects}
    )
    assert list(parts_to_export(manifest).values()) == [
        "metadata.tar",
        "a",
        "control-plane.tar",
        "sidecar.json",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "../x.zst.age",
        "a/b",
        "",
        ".age",
        ".hidden",
        "images.zst.age",
        "README.txt",
        "readme.TXT.age",
        "export.json",
        "metadata.tar",
    ],
)
def test_a_part_that_would_take_another_place_is_refused(name: str) -> None:
    with pytest.raises(RefusedError, match="it names a part"):
        parts_to_export(replace(MANIFEST, objects={**MANIFEST.objects, name: PART}))


def test_the_page_gives_the_vendors_restore_with_the_same_version_and_replica() -> None:
    page = " ".join(readme(MANIFEST, SIDECAR, ("control-plane.tar",)).split())
    assert (
        "docker run -i --rm --env UCP_PASSWORD mirantis/dtr:2.9.29 restore --ucp-url CONTROL_PLANE_URL"
        in page
    )
    assert '--ucp-ca "$(cat CA.PEM)"' in page
    assert "--replica-id 0123456789ab --ucp-node dtr1 --dtr-external-url https://registry.example.com" in page
    assert "--dtr-use-default-storage \\ < metadata.tar" in page
    assert (
        "control-plane.tar the backup of UCP / MKE with users and teams: restore it before the registry"
        in page
    )


def test_the_page_of_an_older_version_has_no_flags_that_it_does_not_know() -> None:
    page = readme(replace(MANIFEST, registry_version="2.4.1"), {}, ())
    assert "IMAGE:2.4.1 restore" in page
    assert "--nocolor" not in page
    assert "--dtr-use-default-storage" not in page
