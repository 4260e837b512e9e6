"""Is this computer ready for the course? One table with an answer per line."""

from __future__ import annotations

import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module, metadata

OLDEST_PYTHON = (3, 11)
# Of different builds they fail with "operator torchvision::nms does not exist", which tells nobody
# anything.
TORCH_MISFIT = (
    "torch and torchvision do not fit together. Install both in one command: "
    "pip install --force-reinstall torch torchvision"
)
INSTALL_D2L = "pip install --no-deps d2l==1.0.3"
D2L = f"only the sections that compare with the d2l book need it: {INSTALL_D2L}"
# From the folder of the course to chapter 00, as the README says it; the book shows them too.
START = (
    "python3 -m venv .venv && source .venv/bin/activate",
    f"pip install -e . && {INSTALL_D2L} && resnet-course",
)
NEEDED = ("torch", "torchvision", "matplotlib", "ipywidgets", "jupyterlab", "tqdm", "drawsvg")


def command_line(words: Iterable[str]) -> str:
    """Write a command as one types it: in the Command Prompt on Windows, elsewhere in a shell."""
    if sys.platform != "win32":
        return shlex.join(words)
    quoted = [subprocess.list2cmdline([word]) for word in words]
    # It leaves what has no blank as it is, and & would end the command.
    plain = r'".*|[\w.,=:\\/-]+'
    return " ".join(word if re.fullmatch(plain, word) else f'"{word}"' for word in quoted)


@dataclass(frozen=True)
class Check:
    """One line of the report; `advice` says what to do where `ok` is False."""

    what: str
    found: str
    ok: bool
    advice: str = ""


@dataclass(frozen=True)
class Report:
    """All checks; `bool(report)` is True if the course can start."""

    checks: tuple[Check, ...]

    def __bool__(self) -> bool:
        return all(check.ok for check in self.checks)

    def __str__(self) -> str:
        width = max(len(check.what) for check in self.checks)
        lines = [
            f"{'ok  ' if check.ok else 'FIX '} {check.what.ljust(width)}  {check.found}"
            + (f"\n     {' ' * width}  → {check.advice}" if check.advice else "")
            for check in self.checks
        ]
        lines.append("Everything is ready." if self else "Repair the lines marked FIX first.")
        return "\n".join(lines)

    __repr__ = __str__


def check_environment() -> Report:
    """Look at Python, the packages and the machine; nothing is changed or downloaded."""
    # The d2l sections are extra: without the package the course is complete but for them.
    d2l = _package("d2l", needed=False, advice=D2L)
    return Report((_python(), *map(_package, NEEDED), d2l, _machine()))


def _python() -> Check:
    oldest = ".".join(map(str, OLDEST_PYTHON))
    ok = sys.version_info >= OLDEST_PYTHON
    advice = "" if ok else f"the course needs Python {oldest} or newer."
    return Check("Python", platform.python_version(), ok, advice)


def _package(name: str, needed: bool = True, advice: str = "") -> Check:
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        advice = advice or f"in a terminal: pip install {name}"
        return Check(name, "not installed", not needed, advice)
    if name in ("torch", "torchvision") and (error := _error_of(name)):
        if name == "torchvision" and not _error_of("torch"):
            error = TORCH_MISFIT
        return Check(name, version, False, error)
    return Check(name, version, True)


def _error_of(package: str) -> str:
    """Return why a package cannot be loaded, or ""."""
    try:
        import_module(package)
    # On Windows torch raises an OSError where a library of Microsoft's is missing; a second try may
    # find the half of a package, without what it needs.
    except Exception as error:
        return str(error) or type(error).__name__
    return ""


def _machine() -> Check:
    if error := _error_of("torch"):
        return Check("machine", "torch cannot be loaded", False, error)
    import torch

    threads = torch.get_num_threads()
    parts = [f"{threads} processor thread{'s' if threads != 1 else ''}"]
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        parts.append(f"{memory / 2**30:.0f} GiB of memory")
    parts.append("a GPU" if torch.cuda.is_available() else "no GPU (none is needed)")
    return Check("machine", ", ".join(parts), True)
