"""mdBook for the tests of the website."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
BESIDE = str(Path(sys.executable).parent)  # a virtual environment may not be activated


def mdbook() -> str | None:
    """Find the program of the extra `book`."""
    return shutil.which("mdbook", path=BESIDE) or shutil.which("mdbook")


def build(root: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `mdbook build` in the course at `root`; its preprocessor is started with this Python."""
    path = os.pathsep.join((BESIDE, os.environ.get("PATH", "")))
    return subprocess.run(
        [mdbook(), "build", str(root), "--dest-dir", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": path},
    )
