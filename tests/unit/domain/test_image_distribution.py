import pytest

from runbook.domain.image_distribution import ImageSource, ImagesSeen, choose_images_step, ids_in
from runbook.domain.plans import Action

DTR, API = "mirantis/dtr:2.9.29", "mirantis/dtr-api:2.9.29"
A, B = "a" * 64, "b" * 64


@pytest.mark.parametrize(
    ("seen", "known", "action", "reason"),
    [
        (ImagesSeen({DTR: f"sha256:{A}", API: "x"}), {}, Action.KEEP, "all of them are there"),
        (ImagesSeen({DTR: f"sha256:{A}"}), {}, Action.LOAD_IMAGES, f"{API} is not there"),
        (
            ImagesSeen({DTR: f"sha256:{A}", API: f"sha256:{B}"}),
            {API: {f"sha256:{A}"}},
            Action.LOAD_IMAGES,
            f"{API} is another image than the archive's",
        ),
        (
            ImagesSeen({DTR: "x", API: "y"}, ids_tell=False),
            {API: {"z"}},
            Action.KEEP,
            "all of them are there",
        ),
    ],
)
def test_an_image_is_brought_where_it_is_missing_or_another(
    seen: ImagesSeen, known: dict[str, set[str]], action: Action, reason: str
) -> None:
    step = choose_images_step("dtr1", seen, (DTR, API), known, "from images.tar")
    assert (step.action, step.reason) == (action, reason)


def test_many_missing_images_are_counted() -> None:
    names = [f"image{number}" for number in range(9)]
    step = choose_images_step("dtr1", ImagesSeen(), names, {}, "under the vendor's names")
    assert step.what == "9 images under the vendor's names"
    assert step.reason == "image0 is not there; image1 is not there; image2 is not there and 6 more"


@pytest.mark.parametrize(
    ("repository", "reference", "host", "name"),
    [
        (None, DTR, "", DTR),
        ("my.registry:5000/msr", DTR, "my.registry:5000", "my.registry:5000/msr/dtr:2.9.29"),
        ("my.registry", "registry.mirantis.com/msr/dtr:2.10.4", "my.registry", "my.registry/dtr:2.10.4"),
    ],
)
def test_images_lie_under_another_path_of_a_registry_nearby(
    repository: str | None, reference: str, host: str, name: str
) -> None:
    source = ImageSource(repository)
    assert (source.host, source.name_of(reference)) == (host, name)


def test_ids_are_read_from_archives_of_old_and_new_engines() -> None:
    old = [{"Config": f"{A}.json", "RepoTags": [DTR, API]}, {"Config": f"{B}.json", "RepoTags": None}]
    assert ids_in(old, None) == {DTR: {f"sha256:{A}"}, API: {f"sha256:{A}"}}
    new = [{"Config": f"blobs/sha256/{A}", "RepoTags": [DTR]}]
    name = {"io.containerd.image.name": f"docker.io/{DTR}"}
    index = {"manifests": [{"digest": f"sha256:{B}", "annotations": name}, {"digest": "sha256:c"}]}
    assert ids_in(new, index) == {DTR: {f"sha256:{A}", f"sha256:{B}"}}


@pytest.mark.parametrize("manifest", [{"schemaVersion": 2}, ["x"], [{"RepoTags": [DTR]}], 7])
def test_what_is_no_list_of_images_is_told(manifest: object) -> None:
    with pytest.raises(ValueError, match="not one that `docker save` writes"):
        ids_in(manifest, None)
