import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

from prefect.settings import PREFECT_API_URL, temporary_settings

from flows import cli_server
from flows.cli_server import server_or_none


@contextmanager
def prefect_server(*, answers_after: float) -> Iterator[str]:
    class Health(BaseHTTPRequestHandler):
        def do_GET(self):
            time.sleep(answers_after)  # what a busy server does
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Health) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/api"
        finally:
            server.shutdown()
            serving.join()


def used(url: str) -> str | None:
    with temporary_settings({PREFECT_API_URL: url}), server_or_none():
        return PREFECT_API_URL.value()


def test_a_server_that_is_busy_is_waited_for(monkeypatch, capsys):
    monkeypatch.setattr(cli_server, "TAKES_A_CALL_WITHIN", 0.1)
    with prefect_server(answers_after=0.3) as url:
        assert used(url) == url
    assert capsys.readouterr().err == ""


def test_a_server_that_never_answers_is_gone_without(monkeypatch, capsys):
    monkeypatch.setattr(cli_server, "ANSWERS_WITHIN", 0.1)
    with prefect_server(answers_after=0.3) as url:
        assert used(url) is None
        assert f"{url} does not answer: going on without it" in capsys.readouterr().err


def test_a_server_that_is_off_is_gone_without_at_once(capsys):
    url = "http://127.0.0.1:1/api"
    assert used(url) is None
    assert f"{url} does not answer: going on without it" in capsys.readouterr().err
