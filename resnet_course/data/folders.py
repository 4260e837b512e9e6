"""Pictures of your own: a folder of files for each class."""

from __future__ import annotations

import os
import unicodedata
from itertools import pairwise
from numbers import Real
from pathlib import Path

import numpy as np
import torch

from resnet_course.blocks import check_whole
from resnet_course.data.cache import may_enter
from resnet_course.data.picture_files import read_pictures
from resnet_course.data.splits import Splits, last_of_each_class, mean_and_std

# Put there by Windows and macOS, the last two into every drive.
SYSTEM = {"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "icon\r"}
SYSTEM |= {"system volume information", "$recycle.bin"}
PARTS = ("train", "test")

Classes = dict[str, list[Path]]  # the files of each class, in the order of the labels


def image_folder(
    root: str | os.PathLike[str],
    size: int = 64,
    test_share: float = 0.2,
    seed: int = 0,
    channels: int | None = None,
) -> Splits:
    """Load pictures of your own: a folder for each class, named like the class.

    JPEG, PNG, GIF, WebP, BMP and TIFF files of any size and shape may lie side by side. A picture
    is turned upright (EXIF), put on white where it is transparent, scaled until its shorter side is
    `size`, and cut to a square from the middle. Of a moving picture the first is taken, of 16 bits
    the upper 8. Hidden files are left out; any other file that is no picture is an error.

    Args:
        root: folder with a folder for each class in it; or with folders `train` and `test` in it,
            and in each of these a folder for each class.
        size: height and width of every picture, 1 or more.
        test_share: which share of each class is kept for testing, above 0 and below 1, but one
            picture at least, and one at least is left for training. Where there is a folder `test`,
            its pictures are taken instead.
        seed: 0 to 2**32 - 1: which pictures those are, and the order of all. The same files and
            the same seed give the same splits on every computer.
        channels: 3 gives red, green and blue, of grey pictures three times the same, as a network
            for colours needs it; 1 makes all pictures grey. None: 3 if any picture has a colour.

    Returns:
        Pictures in mixed order, uint8 (N, channels, size, size). `classes` are the names of the
        folders in the order of the alphabet, `source` is the name of `root`.

    Raises:
        ValueError: an argument is out of its range, the folders are not as described, a class has
            too few pictures, files are no pictures, or there is not enough memory.
    """
    _check(size, test_share, seed, channels)
    folder = _existing(root)
    random = np.random.RandomState(seed)  # NumPy promises that its numbers never change
    if ready := _ready_parts(folder):
        classes = list(ready[0])
        parts = [_mixed(part, random) for part in ready]
    else:
        found = _classes(folder, least=2)
        classes, pairs = list(found), _mixed(found, random)
        labels = torch.tensor([label for _, label in pairs])
        most = len(pairs) - len(classes)
        count = min(max(round(test_share * len(pairs)), len(classes)), most)
        tested = last_of_each_class(labels, count).tolist()
        parts = [
            [pair for pair, test in zip(pairs, tested, strict=True) if test is wanted]
            for wanted in (False, True)
        ]
    source, training = _name(folder.resolve()), len(parts[0])
    files, numbers = zip(*parts[0], *parts[1], strict=True)
    images, labels = read_pictures(files, size, source, channels), torch.tensor(numbers)
    tensors = (images[:training], labels[:training], images[training:], labels[training:])
    return Splits(*tensors, tuple(classes), source, *mean_and_std(tensors[0]))


def _check(size: int, test_share: float, seed: int, channels: int | None) -> None:
    check_whole(1, size=size)
    check_whole(0, 2**32 - 1, seed=seed)
    if not isinstance(test_share, Real) or not 0 < test_share < 1:
        raise ValueError(f"test_share must be a number above 0 and below 1, got {test_share!r}.")
    if channels not in (None, 1, 3):
        raise ValueError(f"channels must be 3 (colours), 1 (grey) or None, got {channels!r}.")


def _existing(root: str | os.PathLike[str]) -> Path:
    if not isinstance(root, (str, os.PathLike)):
        raise ValueError(f"root must be the path of a folder, got {root!r}.")
    folder = Path(root).expanduser()
    # Path.is_file and is_dir raise where one may not look.
    if os.path.isfile(folder):  # noqa: PTH113
        raise ValueError(f"{folder} is a file: give a folder (unpack an archive first).")
    if not os.path.isdir(folder):  # noqa: PTH112
        raise ValueError(f"There is no folder {folder.absolute()}, or it may not be read.")
    return folder


def _name(path: Path) -> str:
    """Return the name of a file; macOS takes some letters (é, 한) apart, which is undone."""
    return unicodedata.normalize("NFC", path.name)


def _entries(folder: Path) -> list[Path]:
    """Return what is in a folder, in the order of the names, without hidden files."""
    if not may_enter(folder):  # it may be listed, but no file in it may be looked at
        raise ValueError(f"{folder} cannot be read: ask whose folder it is.")
    try:
        entries = [path for path in folder.iterdir() if path.name.casefold() not in SYSTEM]
    except OSError as error:  # the computer does not let this user in
        raise ValueError(f"{folder} cannot be read: {error.strerror}.") from error
    return sorted((path for path in entries if not path.name.startswith(".")), key=_name)


def _ready_parts(folder: Path) -> tuple[Classes, Classes] | None:
    """Return the classes in `train` and in `test`, or None if the folder has not both of them."""
    entries = _entries(folder)  # by their names: some computers find train for Train too
    if not {path.name for path in entries if path.is_dir()} >= set(PARTS):
        return None
    others = [str(path) for path in entries if path.name not in PARTS]
    if others:
        raise ValueError(
            f"Beside train and test there must be nothing else: take {', '.join(others)} out of "
            f"{folder}."
        )
    train, test = (_classes(folder / part, least=1) for part in PARTS)
    if different := sorted(train.keys() ^ test.keys()):
        where = (f"{name} (only in {PARTS[name in test]})" for name in different)
        raise ValueError(
            f"train and test in {folder} must hold the same classes: {', '.join(where)}."
        )
    return train, test


def _classes(folder: Path, least: int) -> Classes:
    """Return the files of each class, at least so many."""
    entries = _entries(folder)
    loose = [path for path in entries if not path.is_dir()]
    if loose:
        raise ValueError(
            f"{loose[0]} is in no class folder: make a folder for each class in {folder}, put each "
            "picture into the folder of its class, and take away what is no picture."
        )
    if len(entries) < 2:
        there = "nothing"
        if entries:
            there = f"only {_name(entries[0])}. If the classes are in it, give that folder"
        raise ValueError(
            f"There must be a folder for each class in {folder}, two at least: there is {there}."
        )
    classes = {_name(entry): _entries(entry) for entry in entries}
    if len(classes) < len(entries):
        twice = next(one for one, two in pairwise(map(_name, entries)) if one == two)
        raise ValueError(
            f"Two folders in {folder} are called {twice}, with the letters written in two ways, as "
            "Windows and macOS do: put their pictures into one."
        )
    for entry, files in zip(entries, classes.values(), strict=True):
        inside = [path for path in files if path.is_dir()]
        if inside:
            raise ValueError(
                f"{inside[0]} is a folder in a class folder: put its pictures into {entry}. If "
                f"the folders in {entry} are the classes, give that folder; what is ready for "
                "training and for testing must be named train and test."
            )
        if len(files) < least:
            there = "one picture" if files else "no picture"
            raise ValueError(
                f"There is {there} in {entry}: put in more, {least} at least, or take the folder "
                "away."
            )
    return classes


def _mixed(classes: Classes, random: np.random.RandomState) -> list[tuple[Path, int]]:
    """Return all files with their labels, in random order."""
    numbered = enumerate(classes.values())
    pairs = [(path, label) for label, files in numbered for path in files]
    return [pairs[index] for index in random.permutation(len(pairs))]
