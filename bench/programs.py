"""The other tools, from Debian's packages, and what machine this is."""

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from lab.host_tools import ensure_program, is_root
from runbook.domain.errors import RefusedError

_PACKAGES = {
    "rclone": "rclone",
    "restic": "restic",
    "age": "age",
    "zstd": "zstd",
    "aws": "awscli",
    "ssh": "openssh-client",
    "sshd": "openssh-server",
}
_VERSIONS = (
    ("rclone", "version"),
    ("restic", "version"),
    ("age", "--version"),
    ("zstd", "--version"),
    ("aws", "--version"),
    ("ssh", "-V"),
)


def ensure_programs() -> None:
    """Leave every other tool on the path; where only root could install them, name all that are missing."""
    missing = [package for program, package in _PACKAGES.items() if not _there(program)]
    if missing and not is_root():
        next_step = f"apt-get install {' '.join(missing)}, then rerun"
        raise RefusedError(
            "this host", f"{', '.join(missing)} missing and only root can install it", next_step
        )
    for program, package in _PACKAGES.items():
        ensure_program(program, package)


def path_of(program: str) -> str:
    """Return Debian's own program where it is there: a shim of the same name may be another version."""
    return next(
        (path for path in (f"/usr/bin/{program}", f"/usr/sbin/{program}") if Path(path).exists()), program
    )


def facts() -> str:
    """Return one line: the machine and the versions."""
    versions = ", ".join(_version(program, argument) for program, argument in _VERSIONS)
    return f"{os.cpu_count()} cores ({_processor()}), {_memory_gib():.0f} GiB, Linux {platform.release()}; {versions}"


def _there(program: str) -> bool:
    return Path(path_of(program)).is_file() or shutil.which(program) is not None


def _version(program: str, argument: str) -> str:
    done = subprocess.run([path_of(program), argument], capture_output=True, text=True, check=False)
    words = (done.stdout + done.stderr).splitlines()[0] if done.stdout + done.stderr else ""
    number = re.search(r"\d+(\.\d+)+(p\d+)?", words)
    return f"{program} {number[0] if number else '?'}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
