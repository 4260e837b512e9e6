"""Write a file so that nobody ever finds half of it."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` in one step: whoever reads `path` finds the old file or the new one.

    Raises:
        OSError: it cannot be written; the old file is still there.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # else a power cut may leave the new name on an empty file
        _replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _replace(part: Path, path: Path) -> None:
    """Give `part` the name `path`; on Windows that fails as long as somebody reads the old file."""
    for _ in range(50):
        try:
            part.replace(path)
            return
        except PermissionError:
            time.sleep(0.1)
    part.replace(path)


def remove_parts(folder: Path) -> None:
    """Remove what `write_whole` left half written in `folder` when its process was killed.

    Raises:
        OSError: one cannot be removed.
    """
    for part in folder.glob(".*.part"):
        if re.fullmatch(r"\..+\.\d+\.part", part.name):
            part.unlink(missing_ok=True)
