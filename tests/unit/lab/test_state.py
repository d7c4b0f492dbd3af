import pytest

from lab.state import State, read_state, remember


def test_nothing_is_remembered_at_first(tmp_path):
    assert read_state(tmp_path / "state.json") == State()


def test_one_fact_changes_and_the_others_stay(tmp_path):
    path = tmp_path / "lab" / "state.json"
    remember(path, octet=7, identity="a")
    remember(path, identity=None)
    assert read_state(path) == State(octet=7, identity=None)


def test_an_unknown_fact_is_refused(tmp_path):
    with pytest.raises(TypeError):
        remember(tmp_path / "state.json", colour="red")


def test_a_fact_of_another_version_is_passed_over(tmp_path):
    path = tmp_path / "state.json"
    path.write_text('{"octet": 7, "moon": "full"}')
    assert read_state(path) == State(octet=7)
