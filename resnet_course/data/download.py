"""Read a file if it is right, else fetch it from whichever mirror delivers it.

torchvision knows the mirrors, but its download function is not used: it has no timeout, so it hangs
in a lecture room without internet; it prints; and it writes files that another process may read
half-finished.
"""

import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import requests
from filelock import FileLock, Timeout
from pooch import HTTPDownloader
from tqdm.auto import tqdm

from resnet_course.start.files import write_whole

CONNECT_SECONDS = 5.0  # until a mirror answers
STALL_SECONDS = 10.0  # without a single byte, in a download that has begun
HEADERS = {"User-Agent": "resnet-course", "Accept-Encoding": "identity"}  # no packing on the way

# Mirror -> why it failed. Each is given up once per process, so that only the first call waits.
_given_up: dict[str, str] = {}

Check = Callable[[bytes], bytes]  # returns what is to be kept; ValueError if the bytes are wrong


def read_checked(paths: Sequence[Path], check: Check, damaged: list[Path]) -> bytes | None:
    """Return what `check` makes of the first right file, or None; add wrong ones to `damaged`."""
    for path in paths:
        try:
            return check(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError):
            damaged.append(path)
    return None


def fetch(mirrors: Sequence[str], name: str, path: Path, check: Check, stacklevel: int) -> bytes:
    """Download a file and store what `check` makes of it; a bar shows if it takes over a second.

    Returns what `check` returned. A mirror that fails twice is given up until Python is restarted.

    Args:
        mirrors: web addresses of folders, each ending in "/". They are asked in this order.
        name: of the file in these folders.
        path: where to store it. If it cannot be stored, a warning says so.
        check: what is to be kept of the bytes.
        stacklevel: of the warning; 2 is the caller's line.

    Raises:
        ConnectionError: no mirror delivers; the text says why.
    """
    for mirror in [mirror for mirror in mirrors if mirror not in _given_up]:
        try:
            # Before the lock: without a network, thirty processes fail together and not one after
            # the other.
            size = _size(mirror + name)
            with _one_at_a_time(path.parent):
                # Another process may have stored the file while this one waited.
                content = read_checked([path], check, [])
                if content is None:
                    content = _download(mirror, name, size, check)
                    _store(path, content, stacklevel + 1)
                return content
        except (OSError, ValueError) as error:
            _given_up[mirror] = _reason(error)
    raise ConnectionError("; ".join(dict.fromkeys(_given_up[mirror] for mirror in mirrors)))


def _size(url: str) -> int | None:
    """Ask for the size of a file in bytes, None if the mirror does not tell; OSError: no file."""
    answer: Future[requests.Response] = Future()

    def ask() -> None:
        options = {"timeout": CONNECT_SECONDS, "headers": HEADERS, "allow_redirects": True}
        try:
            answer.set_result(requests.head(url, **options))
        except Exception as error:  # whatever it is, it must reach the waiting thread
            answer.set_exception(error)

    # A thread, because looking up a name has no timeout of its own, and every address of a host
    # gets a fresh one.
    Thread(target=ask, daemon=True).start()
    try:
        response = answer.result(CONNECT_SECONDS)
    except TimeoutError:
        raise TimeoutError(f"no answer in {CONNECT_SECONDS:g} s") from None
    if not response.ok:
        raise OSError(response.reason)
    return int(response.headers.get("Content-Length", 0)) or None


def _download(mirror: str, name: str, size: int | None, check: Check) -> bytes:
    get = HTTPDownloader(chunk_size=2**16, timeout=STALL_SECONDS, headers=HEADERS)
    for _ in range(2):
        content = io.BytesIO()
        try:
            with tqdm.wrapattr(content, "write", total=size, desc=name, delay=1) as file:
                get(mirror + name, file, None)
            return check(content.getvalue())
        except (OSError, ValueError) as error:
            problem = f"{name}: {_reason(error)}"
    raise OSError(problem)


def _reason(error: BaseException) -> str:
    """What went wrong at the bottom, without what requests and urllib3 wrap around it."""
    for inner in (error.__cause__, *error.args):
        if isinstance(inner, Exception):
            return _reason(inner)
    return str(error) or type(error).__name__


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Let one process at a time work on `folder`; where no lock can be had, go on without.

    The result is the same then, files being replaced in one step: only more is downloaded.
    """
    lock = FileLock(folder / ".download.lock")
    with suppress(OSError, NotImplementedError):  # a read-only folder, a drive without locks
        folder.mkdir(parents=True, exist_ok=True)
        with tqdm(desc="Waiting for another download", unit=" s", delay=2) as bar:
            while not lock.is_locked:
                try:
                    lock.acquire(timeout=1)
                except Timeout:
                    bar.update(1)
    try:
        yield
    finally:
        lock.release()  # does nothing where there is none


def _store(path: Path, content: bytes, stacklevel: int) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    except OSError as error:
        text = f"Cannot write to {path.parent} ({error.strerror}):"
        warnings.warn(f"{text} nothing downloaded is kept there.", stacklevel=stacklevel)
