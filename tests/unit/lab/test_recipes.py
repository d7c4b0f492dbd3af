from dataclasses import replace
from pathlib import Path

from lab.recipes import Extra, Recipe, all_recipes, fingerprint_of, folder_entries, node_references


def write(folder: Path, name: str, text: str, mode: int = 0o644) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_fingerprint_follows_names_contents_and_executability_alone(tmp_path):
    write(tmp_path, "a/one.py", "1")
    first = fingerprint_of(folder_entries(tmp_path, ""))
    (tmp_path / "a/one.py").touch()
    write(tmp_path, "a/__pycache__/one.pyc", "compiled")
    (tmp_path / "a/one.py").chmod(0o600)
    assert fingerprint_of(folder_entries(tmp_path, "")) == first
    write(tmp_path, "a/one.py", "1", 0o755)
    executable = fingerprint_of(folder_entries(tmp_path, ""))
    write(tmp_path, "a/one.py", "2")
    assert len({first, executable, fingerprint_of(folder_entries(tmp_path, ""))}) == 3


def test_an_image_changes_with_its_parent_its_arguments_and_its_files():
    recipe = Recipe("node", "1", "node")
    contents = {
        recipe.content("p"),
        recipe.content("q"),
        replace(recipe, arguments={"A": "1"}).content("p"),
        replace(recipe, folder="runtime").content("p"),
        replace(recipe, extra=Extra(lambda: "x", lambda: iter(()))).content("p"),
    }
    assert len(contents) == 5
    assert Recipe("node", "1", "node").content("p") == recipe.content("p")


def test_parents_come_before_their_children():
    seen: set[str | None] = {None}
    for recipe in all_recipes():
        assert recipe.parent in seen
        seen.add(recipe.reference)


def test_nodes_carry_the_control_plane_and_three_versions_of_the_registry():
    services = (
        "dtr",
        *(f"dtr-{name}" for name in ("api", "garant", "jobrunner", "nginx", "registry", "rethink")),
    )
    versions = ("2.4.1", "2.9.29", "2.10.4")
    assert sorted(node_references()) == sorted(
        ["lab/ucp:3.2.6", *(f"lab/{name}:{version}" for name in services for version in versions)]
    )


def test_a_service_is_one_image_for_all_versions():
    assert len([recipe for recipe in all_recipes() if recipe.name == "dtr-api"]) == 1


def test_a_build_context_holds_the_dockerfile_and_executable_scripts():
    entries = {entry.name: entry.mode for recipe in all_recipes()[:1] for entry in recipe.context()}
    assert entries["Dockerfile"] == 0o644
    assert entries["lab-engine"] == 0o755
