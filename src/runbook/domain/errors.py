"""What can go wrong, in the operator's words.

RunbookError
├── UnreachableError      may heal by itself: try again
├── RefusedError          the operator must act
│   ├── LockedError       another runbook holds the cluster
│   ├── NewerFormatError  a later version of this program wrote it
│   └── ForeignFileError  what somebody else made would be replaced
├── InvalidConfigError    the cluster file or an argument is wrong
├── NotReadyError         a wait ended; the reason is the last "not yet"
└── MismatchError         two things that must be equal are not

Anything else that is raised is a bug. Every error prints as ``where: what`` and, on the next
line, ``Next: what to do``. The three texts are positional arguments, so errors survive pickling.
"""

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runbook.domain.findings import Finding


class ExitStatus(IntEnum):
    """Exit statuses of the command line, stable and documented."""

    OK = 0
    BUG = 1
    INVALID_CONFIG = 2
    REFUSED = 3
    UNREACHABLE = 4
    NOT_READY = 5
    MISMATCH = 6
    LOCKED = 7


class RunbookError(Exception):
    """An error that says where it happened, what happened and what to do next."""

    exit_status = ExitStatus.BUG
    findings: "tuple[Finding, ...]" = ()  # all that was found where a preflight refused

    def __init__(self, where: str, what: str, next_step: str) -> None:
        """Keep the three texts as positional arguments."""
        super().__init__(where, what, next_step)
        self.where = where
        self.what = what
        self.next_step = next_step

    def __str__(self) -> str:
        """Render both lines."""
        return f"{self.where}: {self.what}\nNext: {self.next_step}"


class UnreachableError(RunbookError):
    """Something did not answer; it may heal by itself."""

    exit_status = ExitStatus.UNREACHABLE


class RefusedError(RunbookError):
    """The runbook will not do this; the operator must act."""

    exit_status = ExitStatus.REFUSED


class LockedError(RefusedError):
    """Another runbook holds the cluster's lock."""

    exit_status = ExitStatus.LOCKED


class NewerFormatError(RefusedError):
    """A later version of this program wrote it, in a format that this one does not know."""


class ForeignFileError(RefusedError):
    """The file (or a load balancer's target group) is not ours alone: it may serve other things."""


class InvalidConfigError(RunbookError):
    """The cluster file or an argument is wrong; all problems are listed at once."""

    exit_status = ExitStatus.INVALID_CONFIG


class NotReadyError(RunbookError):
    """A wait reached its deadline; `what` is the last reason why not."""

    exit_status = ExitStatus.NOT_READY


class MismatchError(RunbookError):
    """Two things that must be equal are not."""

    exit_status = ExitStatus.MISMATCH
