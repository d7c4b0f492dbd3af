"""The Debian image below all others: pulled where a hub answers, else made by debootstrap."""

import subprocess
import tempfile
import threading
from pathlib import Path

import docker
from docker.errors import APIError, ImageNotFound

from lab.host_tools import ensure_program, is_root
from lab.paths import CACHE
from lab.progress import say
from runbook.domain.errors import RefusedError

TAG = "lab/base:bookworm-2"
_HUB_IMAGE = ("debian", "bookworm-slim")
_PULL_SECONDS = 20

# What no machine of the lab reads: it would be carried into every node.
_LEFT_OUT = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info")
_DPKG_RULES = "".join(f"path-exclude=/{folder}/*\n" for folder in _LEFT_OUT) + "force-unsafe-io\n"


def ensure_base_image(client: docker.DockerClient) -> str:
    """Leave the base image on the engine and return its tag."""
    try:
        client.images.get(TAG)
    except ImageNotFound:
        if not _pull(client):
            _bootstrap(client)
    return TAG


def _pull(client: docker.DockerClient) -> bool:
    """Return whether the hub gave the image in time; a hub that hangs is given up."""
    pulled = threading.Event()

    def try_hub() -> None:
        try:
            image = client.images.pull(*_HUB_IMAGE)
        except APIError:
            return
        image.tag(TAG)
        pulled.set()

    attempt = threading.Thread(target=try_hub, daemon=True)
    attempt.start()
    attempt.join(_PULL_SECONDS)
    return pulled.is_set()


def _bootstrap(client: docker.DockerClient) -> None:
    """Make the image from Debian's packages."""
    if not is_root():
        raise RefusedError(
            "base image", "no image hub answers and only root can run debootstrap", "rerun as root"
        )
    ensure_program("debootstrap", "debootstrap")
    ensure_program("tar", "tar")
    say("base image: no hub answers, make it from Debian's packages")
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="base-") as folder:
        root = Path(folder, "root")
        _run_debootstrap(root)
        (root / "etc/dpkg/dpkg.cfg.d/lab").write_text(_DPKG_RULES)
        _import(client, root)


def _run_debootstrap(root: Path) -> None:
    """Leave a minimal Debian in the folder."""
    done = subprocess.run(
        ["debootstrap", "--variant=minbase", "bookworm", str(root)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        last = done.stdout.strip().splitlines()[-1:] or ["it said nothing"]
        raise RefusedError(
            "base image", f"debootstrap ended with {done.returncode}: {last[0]}", "mend it, then rerun"
        )


def _import(client: docker.DockerClient, root: Path) -> None:
    """Stream the folder into the engine as an image."""
    exclude = [f"--exclude=./{path}/*" for path in (*_LEFT_OUT, "var/cache/apt", "var/lib/apt/lists")]
    command = ["tar", "--numeric-owner", *exclude, "-C", str(root), "-c", "."]
    repository, _, tag = TAG.partition(":")
    with subprocess.Popen(command, stdout=subprocess.PIPE) as packing:
        client.api.import_image_from_stream(packing.stdout, repository=repository, tag=tag)
    if packing.returncode:
        client.images.remove(TAG)
        raise RefusedError("base image", f"tar ended with {packing.returncode}", "free some disk, then rerun")
