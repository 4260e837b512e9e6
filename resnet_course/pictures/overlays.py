"""Figures of pictures with something drawn on them: boxes with names, classes of pixels.

Names are written out, so that no figure depends on telling colours apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import withStroke
from scipy import ndimage
from torch import Tensor

from resnet_course.pictures.described import DescribedFigure
from resnet_course.pictures.style import (
    COLOURS,
    GREY,
    STYLE,
    check_equally_many,
    check_images,
    is_printed,
    pixels,
    to_numpy,
)

RIGHT, WRONG = COLOURS[0], COLOURS[1]
# Background, then ten classes: Okabe and Ito's eight, a brown and a grey.
CLASS_COLOURS = ("#FFFFFF", *COLOURS, "#F0E442", "#8C510A", "#999999")
HALO = [withStroke(linewidth=3, foreground="white")]
LARGE, SMALL = 12, 9  # of letters, in points
PLACE = (2.9, 2.9)  # inches for a picture
NAMED_PIXELS = 40  # a region of a mask gets its name if it has as many


@mpl.rc_context(STYLE)
def boxes_with_names(
    images: Tensor,
    boxes: Sequence[Tensor],
    names: Sequence[Sequence[str]],
    *,
    title: str,
    source: str,
    truth: Sequence[Sequence[str]] | None = None,
) -> DescribedFigure:
    """Draw pictures side by side, with a named box around each thing.

    Args:
        images: uint8 (N, 1 or 3, height, width); at most eight fit well.
        boxes: for each picture float (things, 4): x1, y1, x2, y2 in pixels.
        names: for each picture the name of each box, as a network gives it.
        title: what the figure shows.
        source: name of the image collection: grey photographs of one's own are no ink on paper.
        truth: the right names. A box whose name differs is dashed, in another colour, and says the
            right name too, in small letters at its top.

    Raises:
        ValueError: these are no pictures, or boxes, names and truth do not belong to them.
    """
    check_images(images)
    truth = names if truth is None else truth
    check_equally_many(images=images, boxes=boxes, names=names, truth=truth)
    if any(not len(box) == len(a) == len(b) for box, a, b in zip(boxes, names, truth, strict=True)):
        raise ValueError("every picture needs as many names as boxes.")
    words = [
        ", ".join(a if a == b else f"{a} (truly {b})" for a, b in zip(said, right, strict=True))
        for said, right in zip(names, truth, strict=True)
    ]
    alt = f"{title}. {len(images)} pictures with boxes: {'; '.join(words)}."
    figure, panels = DescribedFigure.of_places(len(images), 4, PLACE, 0.3, title, 14, alt)
    for axes, image, box, said, right in zip(panels, images, boxes, names, truth, strict=True):
        _show(axes, pixels(image, is_printed(source)), **GREY)
        for (x1, y1, x2, y2), name, right_name in zip(box.tolist(), said, right, strict=True):
            colour, dash = (RIGHT, "-") if name == right_name else (WRONG, "--")
            look = {"edgecolor": colour, "linestyle": dash, "linewidth": 2.5}
            # imshow puts the middle of the first pixel at 0, so its left edge is at -0.5.
            corner = (x1 - 0.5, y1 - 0.5)
            axes.add_patch(Rectangle(corner, x2 - x1, y2 - y1, fill=False, **look))
            if name == right_name:
                _write(axes, (x1 + x2) / 2, (y1 + y2) / 2, name, RIGHT)
            else:
                label = f"{name}\ntrue:\n{right_name}"
                _write(axes, (x1 + x2) / 2, y1 + 0.5, label, WRONG, size=SMALL, below=True)
    return figure


@mpl.rc_context(STYLE)
def masks_side_by_side(
    images: Tensor,
    true: Tensor,
    predicted: Tensor,
    classes: Sequence[str],
    *,
    title: str,
    source: str,
) -> DescribedFigure:
    """Draw one row per picture: the picture, the true class of each pixel, the predicted one.

    Every region of one class has its name on it, unless it is very small. The images are uint8
    (N, 1 or 3, height, width), at most four fit well; `true` and `predicted` are whole numbers
    (N, height, width): 0 for background, class number + 1 elsewhere, of at most ten classes.
    `source` is the name of the image collection.

    Raises:
        ValueError: these are no pictures, sizes differ, a mask holds another number, or there are
            more than ten classes.
    """
    check_images(images)
    if len(classes) >= len(CLASS_COLOURS):
        raise ValueError(f"there are colours for {len(CLASS_COLOURS) - 1} classes.")
    if not images[:, 0].shape == true.shape == predicted.shape:
        raise ValueError(
            "images (N, channels, H, W), true and predicted (N, H, W) must have the same sizes, "
            f"got {tuple(images.shape)}, {tuple(true.shape)} and {tuple(predicted.shape)}."
        )
    ends = [int(end) for mask in (true, predicted) for end in mask.aminmax()]
    low, high = min(ends), max(ends)
    if low < 0 or high > len(classes):
        raise ValueError(
            f"masks hold 0 for background and class number + 1, so 0 to {len(classes)}, got "
            f"{low if low < 0 else high}."
        )
    agree = (true == predicted).float().mean().item()
    present = sorted({int(c) for mask in (true, predicted) for c in mask.unique()} - {0})
    alt = (
        f"{title}. {len(images)} rows of three: a collage, the true class of each pixel, the "
        f"predicted class. {agree:.0%} of these pixels agree. Classes: "
        f"{', '.join(classes[c - 1] for c in present)}."
    )
    figure, panels = DescribedFigure.of_places(3 * len(images), 3, PLACE, 0.9, title, 14, alt)
    look = {"cmap": ListedColormap(CLASS_COLOURS), "vmin": 0, "vmax": len(CLASS_COLOURS) - 1}
    for row, (image, *both) in enumerate(zip(images, true, predicted, strict=True)):
        picture, *sides = panels[3 * row : 3 * row + 3]
        _show(picture, pixels(image, is_printed(source)), **GREY)
        for axes, mask in zip(sides, both, strict=True):
            _show(axes, mask, **look)
            for label, x, y in _regions(to_numpy(mask)):
                _write(axes, x, y, classes[label - 1], "black", size=SMALL)
    for axes, name in zip(panels, ("collage", "true", "predicted"), strict=False):
        axes.set_title(name, loc="center")
    named = {classes[c - 1]: CLASS_COLOURS[c] for c in present}
    patches = [Patch(facecolor=named[name], edgecolor="black", label=name) for name in named]
    figure.legend(handles=patches, loc="outside lower center", ncols=4)
    return figure


def _show(axes: Axes, picture: Tensor, **look: Any) -> None:
    """Draw one number per pixel, or three, with a thin line around all."""
    axes.imshow(to_numpy(picture), **look)
    height, width = picture.shape[:2]
    line = {"fill": False, "edgecolor": "#666666", "linewidth": 1}
    axes.add_patch(Rectangle((-0.5, -0.5), width, height, **line))


def _regions(mask: np.ndarray) -> Iterator[tuple[int, float, float]]:
    """Find the connected regions of a mask: the class, and the middle (x, y) of its pixels."""
    for number in np.unique(mask[mask > 0]):
        regions, _ = ndimage.label(mask == number)
        for rows, columns in ndimage.value_indices(regions, ignore_value=0).values():
            if len(rows) >= NAMED_PIXELS:
                yield int(number), columns.mean(), rows.mean()


def _write(
    axes: Axes, x: float, y: float, text: str, colour: str, size: int = LARGE, below: bool = False
) -> None:
    """Write around (x, y) or below it, moved sideways where it would stick out of the picture."""
    left, right = sorted(axes.get_xlim())
    bottom, top = sorted(axes.get_ylim())
    # About the width of one: the longer side of a picture fills its panel.
    letter = max(right - left, top - bottom) / 27 * size / LARGE
    half = letter * max(map(len, text.split("\n"))) / 2
    x = min(max(x, left + half), right - half)
    letters = {"color": colour, "fontsize": size, "fontweight": "bold", "linespacing": 1.1}
    side = "top" if below else "center"
    axes.text(x, y, text, ha="center", va=side, path_effects=HALO, **letters)
