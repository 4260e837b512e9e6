"""Give memory back, for computers that many learners share, and ask how much there is."""

from __future__ import annotations

import ctypes
import math
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

# A container, or the service of one learner on a hub, may get less than the computer has. Two
# generations of Linux say it in files of two names, for the group of a process and those around it.
_GROUP = Path("/proc/self/cgroup")
_LIMITS = {
    "": ("/sys/fs/cgroup", "memory.max"),
    "memory": ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
}


def give_back() -> None:
    """Give freed memory back, where the C library would keep it (glibc, on Linux).

    A step of training frees hundreds of megabytes in pieces. glibc keeps them for later, often in
    places where the next large tensor does not fit, so a kernel would grow from cell to cell, and
    hold that memory while its learner reads. It takes some milliseconds.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # other C libraries have none
        if trim is not None:
            trim(0)


def memory_size() -> float:
    """Return how many bytes of memory there are for this process, infinity where nothing says."""
    sizes = [math.inf]
    with suppress(AttributeError, ValueError, OSError):  # Windows has no sysconf
        sizes.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for path in _limits():
        with suppress(ValueError, OSError):  # "max" is no number
            sizes.append(int(path.read_text(encoding="utf-8")))
    return min(sizes)


def _limits() -> Iterator[Path]:
    """Yield the files that may limit this process, those that are missing too."""
    yield from (Path(root, name) for root, name in _LIMITS.values())
    with suppress(OSError):  # other systems have no groups
        for line in _GROUP.read_text(encoding="utf-8").splitlines():
            _, controllers, group = line.split(":", maxsplit=2)
            for controller in set(controllers.split(",")) & _LIMITS.keys():
                root, name = _LIMITS[controller]
                own = PurePosixPath(group)
                yield from (Path(f"{root}{each}", name) for each in (own, *own.parents))
