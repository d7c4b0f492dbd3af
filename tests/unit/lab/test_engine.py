import pytest

from lab import engine
from lab.state import State
from runbook.domain.errors import RefusedError


def test_an_engine_that_was_named_and_does_not_answer_is_not_replaced_by_another(monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    with pytest.raises(RefusedError, match="it does not answer\nNext: start it, or unset DOCKER_HOST"):
        engine.ensure_engine()


def test_a_user_who_is_not_root_is_told_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(engine, "_SOCKET", f"unix://{tmp_path}/nobody.sock")
    monkeypatch.setattr(engine, "is_root", lambda: False)
    with pytest.raises(RefusedError, match="only root can install and start one"):
        engine.ensure_engine()


def test_an_engine_that_this_checkout_did_not_start_is_left_alone(monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    monkeypatch.setattr(engine, "read_state", State)
    monkeypatch.setattr(engine.processes, "stop", lambda *_, **__: pytest.fail("it was stopped"))
    engine.stop_engine()
