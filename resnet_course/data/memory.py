"""Give memory back to the system, for computers that many learners share."""

from __future__ import annotations

import ctypes
import sys


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
