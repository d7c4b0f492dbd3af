import pytest

from lab import prefect_services
from lab.state import State


@pytest.fixture(autouse=True)
def a_port(monkeypatch):
    monkeypatch.setattr(prefect_services, "read_state", lambda: State(prefect_port=4321))


def test_a_client_speaks_to_this_server_whatever_was_set_before(monkeypatch):
    monkeypatch.setenv("PREFECT_API_KEY", "of another server")
    environment = prefect_services.environment()
    assert environment["PREFECT_API_URL"] == "http://127.0.0.1:4321/api"
    assert "PREFECT_API_KEY" not in environment
    assert environment["DO_NOT_TRACK"] == "1"
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
