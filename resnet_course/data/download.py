"""Fetch a file from whichever mirror has it, and find out quickly when none has.

torchvision knows the mirrors, but its download function is not used: it has no timeout, so it hangs
in a lecture room without internet; it prints; and it writes files that another process may read
half-finished.
"""

import queue
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from http.client import HTTPException

from tqdm.auto import tqdm

CONNECT_SECONDS = 5.0  # until some mirror answers, all of them together
STALL_SECONDS = 10.0  # without a single byte, in a download that has begun

# Mirror -> why it failed. Each is given up once per process, so that only the first call waits.
_given_up: dict[str, str] = {}


def fetch(mirrors: Sequence[str], name: str, check: Callable[[bytes], bytes]) -> bytes:
    """Download one file; a progress bar shows if it takes more than a second.

    Args:
        mirrors: web addresses of folders, each ending in "/".
        name: of the file in these folders.
        check: gets the downloaded bytes and returns what it makes of them; ValueError if wrong.

    Returns:
        What `check` returned. A mirror is tried twice, then given up until Python is restarted.

    Raises:
        ConnectionError: no mirror delivers; the text says why.
    """
    while True:
        mirror = first_answering(mirrors, name)
        for last_try in (False, True):
            try:
                return check(_get(mirror + name))
            except (OSError, HTTPException, ValueError) as error:
                if last_try:
                    _given_up[mirror] = f"{name}: {_reason(error)}"


def first_answering(mirrors: Sequence[str], name: str) -> str:
    """Ask all mirrors at once for a file, and return the first that has it.

    Raises:
        ConnectionError: none has it, or none says so within 5 seconds.
    """
    answers: queue.SimpleQueue[tuple[str, str | None]] = queue.SimpleQueue()

    def ask(mirror: str) -> None:
        request = urllib.request.Request(mirror + name, method="HEAD")
        try:
            urllib.request.urlopen(request, timeout=CONNECT_SECONDS).close()
        except Exception as error:  # whatever it is, it must reach the waiting thread
            answers.put((mirror, _reason(error)))
        else:
            answers.put((mirror, None))

    # Threads, because looking up a name has no timeout of its own, and every address of a host
    # gets a fresh one.
    asked = [mirror for mirror in mirrors if mirror not in _given_up]
    for mirror in asked:
        threading.Thread(target=ask, args=(mirror,), daemon=True).start()
    deadline = time.monotonic() + CONNECT_SECONDS
    try:
        for _ in asked:
            mirror, problem = answers.get(timeout=max(0.0, deadline - time.monotonic()))
            if problem is None:
                return mirror
            _given_up[mirror] = problem
    except queue.Empty:
        for mirror in asked:
            _given_up.setdefault(mirror, f"no answer in {CONNECT_SECONDS:g} s")
    raise ConnectionError("; ".join(dict.fromkeys(_given_up[mirror] for mirror in mirrors)))


def _get(url: str) -> bytes:
    request = urllib.request.Request(url, headers={"User-Agent": "resnet-course"})
    content = bytearray()
    with urllib.request.urlopen(request, timeout=STALL_SECONDS) as response:
        name, size = url.rpartition("/")[2], response.length
        with tqdm(desc=name, total=size, unit="B", unit_scale=True, delay=1) as bar:
            while chunk := response.read(2**16):
                content += chunk
                bar.update(len(chunk))
    return bytes(content)


def _reason(error: Exception) -> str:
    """What went wrong, without the wrapping that urllib puts around it."""
    return str(getattr(error, "reason", error)) or type(error).__name__
