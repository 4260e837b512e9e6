"""What all figures have in common: colours, large letters, and a look at what is to be drawn."""

from __future__ import annotations

from collections.abc import Collection, Sized

import numpy as np
import torch
from matplotlib import font_manager
from torch import Tensor

from resnet_course.data.splits import KNOWN

# Okabe and Ito's colours. Line styles differ as well, for people who see no colours at all.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
DASHES = ("-", "--", "-.", ":", (0, (7, 2)), (0, (3, 1, 1, 1)), (0, (1, 3)))
# Fonts with Korean, Chinese and Japanese letters: what Linux, Windows and macOS have of them.
FURTHER_FONTS = (
    *("Noto Sans CJK JP", "Noto Sans CJK KR", "Noto Sans CJK SC", "Noto Sans CJK TC"),
    *("Noto Sans KR", "NanumGothic", "Malgun Gothic", "Microsoft YaHei", "Yu Gothic"),
    *("Apple SD Gothic Neo", "AppleGothic", "PingFang SC", "Hiragino Sans", "Arial Unicode MS"),
)
STYLE = {
    # A letter that a font lacks comes from the next one. Fonts that are not there make warnings.
    "font.family": ["sans-serif", *sorted({*font_manager.get_font_names()} & {*FURTHER_FONTS})],
    "text.parse_math": False,  # a class may be called "$x$" without being a formula
    "font.size": 13,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "lines.linewidth": 2.5,
    "figure.dpi": 90,
    "legend.frameon": False,
    "legend.fontsize": 12,
    "axes.titlelocation": "left",
    "axes.titlesize": 14,
    "axes.labelsize": 12,
}
GREY = {"cmap": "gray_r", "vmin": 0, "vmax": 255}  # 0 is white, as it is printed


def is_printed(source: str) -> bool:
    """Say whether the grey pictures of a source are ink on paper, and not photographs: 0 is white.

    Those of the course are; in pictures of one's own 0 is black.
    """
    return source in KNOWN


def pixels(image: Tensor, printed: bool = True) -> Tensor:
    """Turn a picture (channels, height, width) into what matplotlib draws.

    Returns:
        (height, width, 3) of red, green and blue, also for a picture that is not printed; of any
        other number of channels than 3 the first one counts, printed (height, width).
    """
    if len(image) != 3 and not printed:
        image = image[:1].expand(3, -1, -1)
    return image.permute(1, 2, 0) if len(image) == 3 else image[0]


def to_numpy(values: Tensor) -> np.ndarray:
    """Return numbers that matplotlib draws: from any device, and of bfloat16, which NumPy lacks."""
    values = values.detach().cpu()
    return (values.float() if values.dtype == torch.bfloat16 else values).numpy()


def check_drawable(**parts: Collection) -> None:
    """Check that there is something to draw.

    Raises:
        ValueError: one of the named collections is empty, or it is none.
    """
    for name, value in parts.items():
        if not isinstance(value, (Collection, Tensor)):
            raise ValueError(f"{name} must be a collection, got {type(value).__name__}.")
        if not len(value):
            raise ValueError(f"{name} is empty: there is nothing to draw.")


def check_equally_many(**parts: Sized) -> None:
    """Raise a ValueError if the named collections differ in length; the message has the numbers."""
    counts = {name: len(value) for name, value in parts.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{count} {name}" for name, count in counts.items())
        raise ValueError(f"there must be equally many: got {listed}.")


def check_images(images: object) -> None:
    """Raise a ValueError if these are no pictures, uint8 (N, 1 or 3, height, width), N > 0."""
    got = type(images).__name__
    if isinstance(images, Tensor):
        if images.ndim == 4 and images.dtype == torch.uint8:
            return check_drawable(images=images)
        got = f"{images.dtype} of shape {tuple(images.shape)}"
    raise ValueError(
        f"images must be a tensor of pixels, uint8 (N, channels, height, width), got {got}."
    )
