"""Every exception class of the Docker SDK and of requests becomes an error of ours."""

import inspect
import ssl

import docker.errors
import pytest
import requests

from runbook.domain.errors import RefusedError, UnreachableError
from runbook.remote.docker_errors import DOCKER_FAILURES, explain


def library_exceptions() -> list[type[Exception]]:
    found = {
        thing
        for module in (docker.errors, requests.exceptions)
        for _, thing in inspect.getmembers(module, inspect.isclass)
        if issubclass(thing, Exception)
        and not issubclass(thing, Warning)
        and thing.__module__ in ("docker.errors", "requests.exceptions")
    }
    return sorted(found, key=lambda thing: thing.__name__)


@pytest.mark.parametrize("kind", library_exceptions(), ids=lambda kind: str(kind.__name__))
def test_every_exception_of_the_libraries_is_caught(kind: type[Exception]) -> None:
    assert issubclass(kind, DOCKER_FAILURES)


def answered(status: int, explanation: str) -> docker.errors.APIError:
    response = requests.Response()
    response.status_code = status
    return docker.errors.APIError("failed", response=response, explanation=explanation)


@pytest.mark.parametrize(
    ("error", "kind", "words", "advice"),
    [
        (answered(401, "unauthorized"), RefusedError, "unauthorized", "administrator"),
        (answered(404, "No such image: x:1"), RefusedError, "No such image", "pull or load"),
        (answered(503, "starting"), UnreachableError, "starting", "reachable"),
        (requests.exceptions.SSLError("bad"), RefusedError, "not trusted", "CA"),
        (ssl.SSLError(1, "bad"), RefusedError, "not trusted", "CA"),
        (requests.exceptions.ChunkedEncodingError("0"), UnreachableError, "broke off", "reachable"),
        (requests.ConnectTimeout(), UnreachableError, "no answer in time", "reachable"),
        (
            ConnectionRefusedError(111, "Connection refused"),
            UnreachableError,
            "Connection refused",
            "reachable",
        ),
        (docker.errors.TLSParameterError("no key"), RefusedError, "no key", "log"),
    ],
)
def test_it_says_what_happened(error: Exception, kind: type[Exception], words: str, advice: str) -> None:
    explained = explain("control plane", "its nodes could not be looked at", error)
    assert type(explained) is kind
    assert words in explained.what
    assert advice in explained.next_step
