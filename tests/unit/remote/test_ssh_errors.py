"""Every exception class of paramiko becomes an error of ours."""

import importlib
import inspect
import pkgutil

import paramiko
import pytest

from runbook.domain.errors import RefusedError, UnreachableError
from runbook.remote.ssh_errors import EXPLANATIONS, explain

WINDOWS_ALONE = {"_winapi", "win_openssh", "win_pageant"}


def exception_classes() -> list[type[Exception]]:
    found = set()
    for module in pkgutil.iter_modules(paramiko.__path__):
        if module.name in WINDOWS_ALONE:
            continue
        for _, thing in inspect.getmembers(
            importlib.import_module(f"paramiko.{module.name}"), inspect.isclass
        ):
            if issubclass(thing, Exception) and thing.__module__.startswith("paramiko"):
                found.add(thing)
    return sorted(found, key=lambda thing: thing.__name__)


@pytest.mark.parametrize("kind", exception_classes(), ids=lambda kind: str(kind.__name__))
def test_every_exception_of_the_library_is_mapped_by_name(kind: type[Exception]) -> None:
    assert kind in {cause for cause, _, _ in EXPLANATIONS}


def test_the_library_still_has_exceptions() -> None:
    assert paramiko.SSHException in exception_classes()


def test_a_subclass_is_explained_before_its_base() -> None:
    causes = [cause for cause, _, _ in EXPLANATIONS]
    for position, cause in enumerate(causes):
        assert not any(issubclass(later, cause) for later in causes[position + 1 :]), cause


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (paramiko.AuthenticationException("Authentication failed."), RefusedError, "key was not accepted"),
        (TimeoutError(), UnreachableError, "no answer in time"),
        (ConnectionRefusedError(111, "Connection refused"), UnreachableError, "Connection refused"),
        (EOFError(), UnreachableError, "closed the connection"),
        (paramiko.SSHException("No existing session"), UnreachableError, "No existing session"),
    ],
)
def test_it_says_what_happened(error: Exception, kind: type[Exception], words: str) -> None:
    explained = explain("dtr1", "no SSH session", error)
    assert type(explained) is kind
    assert words in explained.what
