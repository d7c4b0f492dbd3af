"""Writing small files, secret ones readable by their owner alone."""

import io
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path


def write_secret(path: Path, text: str) -> None:
    """Leave a file of mode 0600 with this text and a line end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text if text.endswith("\n") else text + "\n")


def tar_of(files: Mapping[str, bytes], mode: int = 0o600) -> bytes:
    """Return a tar archive of these files, owned by root, with their folders."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for folder in sorted({str(parent) for name in files for parent in Path(name).parents} - {"."}):
            member = tarfile.TarInfo(folder)
            member.type, member.mode = tarfile.DIRTYPE, 0o755 if folder != "root/.ssh" else 0o700
            archive.addfile(member)
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), mode
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
