"""Every way in which the control plane's Docker API fails, in the operator's words."""

import ssl

import requests
from docker.errors import APIError, DockerException, StreamParseError

from runbook.domain.bootstrapper_failures import advise
from runbook.domain.errors import RefusedError, RunbookError, UnreachableError

_NETWORK = "see that the control plane runs and is reachable from here, then rerun"
_TRUST = "give the control plane's own CA and the name that its certificate holds, then rerun"
_RIGHTS = "see that the control plane's user is an administrator, then rerun"
_DOCKER = "read the control plane's log, then rerun"

DOCKER_FAILURES: tuple[type[Exception], ...] = (
    DockerException,
    StreamParseError,
    requests.RequestException,
    OSError,
)


def explain(where: str, doing: str, error: Exception) -> RunbookError:
    """Return the runbook error that says what went wrong while `doing` something at `where`."""
    if isinstance(error, APIError):
        return _explain_answer(where, doing, error)
    if isinstance(error, requests.exceptions.SSLError | ssl.SSLError):
        return RefusedError(where, f"{doing}: its certificate is not trusted", _TRUST)
    if isinstance(error, requests.Timeout | TimeoutError):
        return UnreachableError(where, f"{doing}: no answer in time", _NETWORK)
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return UnreachableError(where, f"{doing}: its answer broke off", _NETWORK)
    if isinstance(error, requests.RequestException | StreamParseError | OSError):
        return UnreachableError(where, f"{doing}: {_innermost(error)}", _NETWORK)
    return RefusedError(where, f"{doing}: {error or type(error).__name__}", _DOCKER)


def _explain_answer(where: str, doing: str, error: APIError) -> RunbookError:
    text = str(error.explanation or error)
    what = f"{doing}: {text}"
    if error.status_code in (requests.codes.unauthorized, requests.codes.forbidden):
        return RefusedError(where, what, _RIGHTS)
    if error.status_code in (
        requests.codes.bad_gateway,
        requests.codes.unavailable,
        requests.codes.gateway_timeout,
    ):
        return UnreachableError(where, what, _NETWORK)
    return RefusedError(where, what, advise(text))


def is_gone(error: Exception) -> bool:
    """Tell whether the container asked for does not exist any more, or is just being removed."""
    return isinstance(error, APIError) and error.status_code in (
        requests.codes.not_found,
        requests.codes.conflict,
    )


def _innermost(error: BaseException) -> str:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
