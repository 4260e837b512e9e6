"""Picture files of any kind, read as squares of one size."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from tqdm.auto import tqdm

from resnet_course.data.memory import memory_size

# No others: Pillow would start a program of its own to open some kinds.
KINDS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
NAMED = 5  # files in a message; of the others it gives the number


def read_pictures(
    files: Sequence[Path], size: int, name: str, channels: int | None = None
) -> Tensor:
    """Read picture files; a bar shows if it takes more than two seconds.

    Args:
        files: one or more.
        size: height and width that they get, in pixels, see `image_folder`.
        name: of all of them together, for the bar.
        channels: see `image_folder`.

    Returns:
        uint8 (files, channels, size, size).

    Raises:
        ValueError: files are damaged or no pictures, or there is not enough memory.
    """
    pixels = _room(len(files), size)
    grey, problems = True, []
    with warnings.catch_warnings():
        # Up to 179 million pixels Pillow only warns: large photographs are welcome.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        for picture, path in zip(pixels, tqdm(files, desc=f"Reading {name}", delay=2), strict=True):
            try:
                picture[:] = read_picture(path, size, "L" if channels == 1 else "RGB")
            except Exception as error:  # Pillow has no error of its own for a damaged file
                problems.append(f"{path} ({_reason(error)})")
            grey = grey and bool((picture == picture[:1]).all())
    if problems:
        more = len(problems) - NAMED
        raise ValueError(
            f"{len(problems)} of {len(files)} files cannot be read as pictures: "
            f"{', '.join(problems[:NAMED])}{f' and {more} more' if more > 0 else ''}. "
            "Save them anew, as JPEG or PNG, or take them out of the folder."
        )
    return torch.from_numpy(pixels[:, :1].copy() if grey and channels != 3 else pixels)


def read_picture(path: Path, size: int, mode: str = "RGB") -> np.ndarray:
    """Read one picture, the first of a moving one: uint8 (3, size, size), in mode "L" (1, …).

    Raises:
        Exception: of many kinds, from Pillow, if the file is damaged or no picture.
    """
    with Image.open(path, formats=KINDS) as picture:
        picture.draft(None, (2 * size, 2 * size))  # a large JPEG is faster to decode not in full
        picture = ImageOps.exif_transpose(picture)  # upright, however the camera was held
    if picture.mode[0] in "IF":
        picture = Image.fromarray(_eight_bits(np.asarray(picture)))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    pixels = np.asarray(ImageOps.fit(picture.convert(mode), (size, size)))
    return pixels.reshape(size, size, -1).transpose(2, 0, 1)


def _eight_bits(pixels: np.ndarray) -> np.ndarray:
    """Turn 16-bit grey, which older Pillows read as 32 bits, into 8 bits."""
    if pixels.dtype.kind == "f" or pixels.min() < 0 or pixels.max() > 65_535:
        raise ValueError("32-bit numbers do not say what is white: save it with 8 or 16 bits")
    return (pixels >> 8).astype(np.uint8)


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return f"no {', '.join(KINDS[:-1])} or {KINDS[-1]} picture"
    if isinstance(error, Image.DecompressionBombError):
        return f"more than {2 * Image.MAX_IMAGE_PIXELS:,} pixels: make it smaller"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _room(count: int, size: int) -> np.ndarray:
    """Return uint8 (count, 3, size, size), or raise a ValueError that says what would fit."""
    need, have = 3 * count * size**2, memory_size()
    try:
        if need > have / 2:  # the other half is for the network, and for the system
            raise MemoryError
        return np.empty((count, 3, size, size), np.uint8)
    except (MemoryError, ValueError):  # NumPy's ValueError: too large for any computer
        there, fits = "", 0
        if have < math.inf:
            there = f"; this computer has {have / 2**30:.1f} GB, and half of it is for pictures"
            fits = math.isqrt(int(have / 2 / (3 * count))) // 8 * 8
        advice = f"a smaller size, such as size={fits}" if fits else "a smaller size"
        raise ValueError(
            f"{count:,} pictures of {size}x{size} pixels need {need / 2**30:.1f} GB of memory"
            f"{there}: take {advice}, or fewer pictures."
        ) from None
