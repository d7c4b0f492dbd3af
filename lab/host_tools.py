"""Programs of the host that the lab needs, installed from Debian's packages when they are missing."""

import os
import shutil
import subprocess
from pathlib import Path

from filelock import FileLock

from lab.progress import say
from runbook.domain.errors import RefusedError

_APT_LISTS = Path("/var/lib/apt/lists")
_ONE_AT_A_TIME = Path("/var/lock/registry-runbooks-apt")
_FOR_ROOT = "/usr/local/sbin:/usr/sbin:/sbin"  # not on the path after a plain `su`


def is_root() -> bool:
    """Whether this process may install packages and start an engine."""
    return os.geteuid() == 0


def ensure_program(program: str, *packages: str) -> None:
    """Leave the program on the path, by installing the packages if it is not."""
    os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:{_FOR_ROOT}"
    if shutil.which(program):
        return
    where = f"{program} on this host"
    if not is_root():
        raise RefusedError(
            where, "it is missing and only root can install it", f"install {' '.join(packages)}, then rerun"
        )
    if not shutil.which("apt-get"):
        raise RefusedError(where, "it is missing and there is no apt-get", f"install {program}, then rerun")
    with FileLock(_ONE_AT_A_TIME):  # two runs of apt-get do not wait for each other
        if not shutil.which(program):
            _install(where, packages)


def _install(where: str, packages: tuple[str, ...]) -> None:
    say(f"install {' '.join(packages)}")
    if not any(_APT_LISTS.glob("*_Packages*")):
        _apt("update")
    if not _apt_install(packages):
        _apt("update")
        if not _apt_install(packages):
            raise RefusedError(
                where, f"apt-get install {' '.join(packages)} failed", "run it by hand, then rerun"
            )


def _apt_install(packages: tuple[str, ...]) -> bool:
    """Return whether the packages are installed now."""
    return _apt("install", "-y", "-q", "--no-install-recommends", *packages)


def _apt(*arguments: str) -> bool:
    """Run apt-get without questions and return whether it ended well."""
    done = subprocess.run(
        ["apt-get", *arguments],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return done.returncode == 0
