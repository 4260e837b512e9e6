"""Find, check and fetch the four files of Fashion-MNIST and of MNIST.

The files are read where they lie, packed or not, so a folder that cannot be written is no obstacle.
Nothing is returned before its MD5 checksum is right. The folders look like torchvision's
(`FashionMNIST/raw/train-images-idx3-ubyte`, or with `.gz`), and torchvision's own classes accept
what is stored here.
"""

import hashlib
import os
import warnings
import zlib
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

Folder = str | os.PathLike[str] | None
GZIP = 16 + zlib.MAX_WBITS  # zlib's word for a gzip file
LARGEST = 16 + 60_000 * 28 * 28  # bytes of a file: room to unpack into, which need not grow
# Training images, their labels, test images, their labels.
NAMES = tuple(name.removesuffix(".gz") for name, _ in MNIST.resources)


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
    md5: tuple[str, ...]  # of the unpacked content of each of `NAMES`


def read_files(files: FileSet, root: Folder = None) -> list[bytes]:
    """Return the unpacked, verified content of each of `NAMES`.

    A missing or damaged file is fetched again. Where it cannot be stored, a warning says so and it
    is kept in memory only.

    `root` is the only folder to look in and to download into; None: see `sources.fashion_mnist`.

    Raises:
        DataUnavailableError: a file is missing or damaged and no mirror delivers it.
    """
    folders = [folder / files.dataset.__name__ / "raw" for folder in _folders(root)]
    checks = {name: partial(_unpacked, md5=md5) for name, md5 in zip(NAMES, files.md5, strict=True)}
    damaged: list[Path] = []
    contents: dict[str, bytes | None] = {}
    for name, check in checks.items():
        places = [folder / file for folder in folders for file in (name, f"{name}.gz")]
        contents[name] = read_checked(places, check, damaged)
    missing = [name for name in NAMES if contents[name] is None]
    try:
        for name in missing:
            path, mirrors = folders[-1] / name, files.dataset.mirrors
            contents[name] = fetch(mirrors, f"{name}.gz", path, checks[name], stacklevel=5)
    except ConnectionError as error:
        lacking, wanted = "not", "the four *-ubyte.gz files"
        if len(missing) < len(NAMES):
            lacking, wanted = "not complete", " and ".join(f"{name}.gz" for name in missing)
        problem = f"{files.label} is {lacking} on this computer and cannot be downloaded ({error})."
        raise DataUnavailableError(
            problem + "".join(f" Damaged: {path}." for path in damaged),
            "For the real images, connect to the internet and restart Python,"
            f" or put {wanted} into {folders[0]}.",
        ) from None
    return list(contents.values())


def _folders(root: Folder) -> list[Path]:
    """Where to look, in this order; the last is where downloads go."""
    if root is not None:
        return [above(Path(root).expanduser())]
    cache, named = Path(user_cache_dir("resnet-course")), os.environ.get("RESNET_COURSE_DATA")
    if not named:
        return [cache]
    folder = Path(named).expanduser()
    if not may_enter(folder):
        text = f"RESNET_COURSE_DATA names {folder}, which does not exist or may not be read. "
        text += f"Using {cache}."
        warnings.warn(text, stacklevel=5)
    return [above(folder), cache]


def may_enter(folder: Path) -> bool:
    """Return whether a folder is there and may be read; `Path.is_dir` raises where it may not."""
    return os.access(folder, os.R_OK | os.X_OK)


def above(folder: Path) -> Path:
    """Return the folder that holds FashionMNIST, also of that or of the `raw` in it."""
    known = ("FashionMNIST", "MNIST")
    if folder.name == "raw" and folder.parent.name in known:
        folder = folder.parent
    return folder.parent if folder.name in known else folder


def _unpacked(content: bytes, md5: str) -> bytes:
    """Return the content, unpacked, if its checksum is right; ValueError if not."""
    if content.startswith(b"\x1f\x8b"):  # by its content: some servers unpack what they send
        try:
            content = zlib.decompress(content, wbits=GZIP, bufsize=LARGEST)
        except zlib.error as error:
            raise ValueError(f"not a whole gzip file: {error}") from None
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
        raise ValueError("wrong checksum")
    return content
