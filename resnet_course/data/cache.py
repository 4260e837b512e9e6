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
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from platformdirs import user_cache_dir

from resnet_course.data.download import fetch, read_checked
from resnet_course.start import TORCH_MISFIT

try:  # the first place that loads torchvision
    from torchvision.datasets import MNIST
except (ImportError, RuntimeError) as error:
    raise ImportError(TORCH_MISFIT) from error

FOLDER_VARIABLE = "RESNET_COURSE_DATA"
Folder = str | os.PathLike[str] | None


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
    dataset: type[MNIST]  # of torchvision: has the name of the folder, and knows the mirrors
    md5: Mapping[str, str]  # file name without ".gz" -> MD5 of the unpacked content


def read_files(files: FileSet, root: Folder = None) -> dict[str, bytes]:
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
    folders = [folder / files.dataset.__name__ / "raw" for folder in _folders(root)]
    target, mirrors = folders[-1], files.dataset.mirrors
    checks = {name: partial(_unpacked, md5=md5) for name, md5 in files.md5.items()}
    damaged: list[Path] = []
    contents: dict[str, bytes] = {}
    for name, check in checks.items():
        places = [folder / file for folder in folders for file in (name, f"{name}.gz")]
        if (content := read_checked(places, check, damaged)) is not None:
            contents[name] = content
    try:
        for name in [name for name in checks if name not in contents]:
            file = f"{name}.gz"
            contents[name] = fetch(mirrors, file, target / name, checks[name], stacklevel=5)
    except ConnectionError as error:
        problem = f"{files.label} is not on this computer and cannot be downloaded ({error})."
        raise DataUnavailableError(
            problem + "".join(f" Damaged: {path}." for path in damaged),
            "For the real images, connect to the internet and restart Python,"
            f" or put the four *-ubyte.gz files into {target}.",
        ) from None
    return contents


def _folders(root: Folder) -> list[Path]:
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


def _unpacked(content: bytes, md5: str) -> bytes:
    """Return the content, unpacked, if its checksum is right; ValueError if not."""
    if content.startswith(b"\x1f\x8b"):  # by its content: some servers unpack what they send
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"not a whole gzip file: {error}") from None
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
        raise ValueError("wrong checksum")
    return content
