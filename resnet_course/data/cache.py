"""Find, check and fetch the four files of Fashion-MNIST and of MNIST.

The files are read where they lie, packed or not, so a folder that cannot be written is no obstacle.
Nothing is returned before its MD5 checksum is right. The folders look like torchvision's
(`FashionMNIST/raw/train-images-idx3-ubyte`, or with `.gz`), and torchvision's own classes accept
what is stored here.
"""

import gzip
import hashlib
import os
import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout
from platformdirs import user_cache_dir
from tqdm.auto import tqdm

from resnet_course.data.download import fetch, first_answering
from resnet_course.data.files import write_whole
from resnet_course.start import TORCH_MISFIT

try:  # the first place that loads torchvision
    from torchvision.datasets import MNIST
except (ImportError, RuntimeError) as error:
    raise ImportError(TORCH_MISFIT) from error

FOLDER_VARIABLE = "RESNET_COURSE_DATA"


class DataUnavailableError(RuntimeError):
    """The files are neither on this computer nor to be had from the network.

    `problem` says what is wrong and `remedy` what to do, each in a sentence or two.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem} {remedy}")
        self.problem = problem
        self.remedy = remedy


@dataclass(frozen=True)
class FileSet:
    """The files of one dataset."""

    label: str  # as a person writes it: "Fashion-MNIST"
    dataset: type[MNIST]  # the torchvision class: it knows the name of the folder and the mirrors
    md5: Mapping[str, str]  # file name without ".gz" -> MD5 of the unpacked content

    @property
    def folder(self) -> str:
        """Name of the folder under the root: "FashionMNIST"."""
        return self.dataset.__name__

    @property
    def mirrors(self) -> Sequence[str]:
        """Web addresses of folders with the packed files, each ending in "/"."""
        return self.dataset.mirrors


def read_files(files: FileSet, root: str | os.PathLike[str] | None = None) -> dict[str, bytes]:
    """Return the unpacked, verified content of every file of `files`.

    Args:
        files: what to read.
        root: the only folder to look in and to download into. None: look in the folder that the
            environment variable RESNET_COURSE_DATA names, then in the user's cache folder; download
            into the latter.

    Returns:
        file name -> bytes. A missing or damaged file was fetched again. Where it cannot be stored,
        a warning says so and it is kept in memory only.

    Raises:
        DataUnavailableError: a file is missing or damaged and no mirror delivers it.
    """
    folders = [folder / files.folder / "raw" for folder in _folders(root)]
    damaged: list[Path] = []
    contents: dict[str, bytes] = {}
    for name, md5 in files.md5.items():
        for folder in folders:
            content = _read_verified(folder / name, md5, damaged)
            if content is not None:
                contents[name] = content
                break
    missing = [name for name in files.md5 if name not in contents]
    if missing:
        try:
            contents |= _fetch(files, missing, folders[-1])
        except ConnectionError as error:
            problem = f"{files.label} is not on this computer and cannot be downloaded ({error})."
            for path in damaged:
                problem += f" Damaged: {path}."
            raise DataUnavailableError(
                problem,
                "For the real images, connect to the internet and restart Python,"
                f" or put the four *-ubyte.gz files into {folders[-1]}.",
            ) from None
    return contents


def _folders(root: str | os.PathLike[str] | None) -> list[Path]:
    """Where to look, in this order; the last is where downloads go."""
    if root is not None:
        return [Path(root).expanduser()]
    cache = Path(user_cache_dir("resnet-course"))
    named = os.environ.get(FOLDER_VARIABLE)
    if not named:
        return [cache]
    folder = Path(named).expanduser()
    if not folder.is_dir():
        text = f"{FOLDER_VARIABLE} names a folder that does not exist: {folder}. Using {cache}."
        warnings.warn(text, stacklevel=5)
    return [folder, cache]


def _read_verified(path: Path, md5: str, damaged: list[Path]) -> bytes | None:
    """Return the content of `path` or `path`.gz, or None; add what is wrong to `damaged`."""
    for candidate in (path, path.with_name(f"{path.name}.gz")):
        try:
            return _verified(candidate.read_bytes(), md5, packed=candidate.suffix == ".gz")
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError):
            damaged.append(candidate)
    return None


def _verified(content: bytes, md5: str, *, packed: bool) -> bytes:
    """Unpack, and return the content if its checksum is right; ValueError if not."""
    try:
        unpacked = gzip.decompress(content) if packed else content
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"not a whole gzip file: {error}") from None
    if hashlib.md5(unpacked, usedforsecurity=False).hexdigest() != md5:
        raise ValueError("wrong checksum")
    return unpacked


def _fetch(files: FileSet, names: Sequence[str], folder: Path) -> dict[str, bytes]:
    """Download `names`, store them unpacked in `folder`; ConnectionError if no mirror delivers."""
    # Asked before the lock: without a network, thirty processes fail together and not one after the
    # other.
    first_answering(files.mirrors, f"{names[0]}.gz")
    contents: dict[str, bytes] = {}
    with _one_at_a_time(folder):
        for name in names:
            # Another process may have stored the file while this one waited.
            content = _read_verified(folder / name, files.md5[name], [])
            if content is None:
                check = partial(_verified, md5=files.md5[name], packed=True)
                content = fetch(files.mirrors, f"{name}.gz", check)
                _store(folder / name, content)
            contents[name] = content
    return contents


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Let one process at a time work on `folder`; where no lock can be had, go on without."""
    # Without the lock the result is the same, files being replaced in one step: only more is
    # downloaded.
    lock = FileLock(folder / ".download.lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tqdm(desc="Waiting for another download", unit=" s", delay=2) as bar:
            while not lock.is_locked:
                try:
                    lock.acquire(timeout=1)
                except Timeout:
                    bar.update(1)
    except (OSError, NotImplementedError):  # a read-only folder; a network drive without locks
        yield
        return
    try:
        yield
    finally:
        lock.release()


def _store(path: Path, content: bytes) -> None:
    try:
        write_whole(path, content)
    except OSError as error:
        text = (
            f"Cannot write to {path.parent} ({error.strerror}): nothing downloaded is kept there."
        )
        warnings.warn(text, stacklevel=6)
