"""Give memory back, for computers that many learners share, and ask how much there is."""

from __future__ import annotations

import ctypes
import math
import os
import sys
from contextlib import suppress
from pathlib import Path

# A container may get less than the computer has. Two generations of Linux say it in two places.
_CONTAINER = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


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
    for path in _CONTAINER:
        with suppress(ValueError, OSError):  # "max" is no number
            sizes.append(int(Path(path).read_text(encoding="utf-8")))
    return min(sizes)
