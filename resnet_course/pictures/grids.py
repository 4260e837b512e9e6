"""Figures of pictures: rows of maps with their names, heat over pictures, confusion matrices."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from torch import Tensor

from resnet_course.pictures.described import DescribedFigure
from resnet_course.pictures.style import (
    STYLE,
    check_drawable,
    check_equally_many,
    to_numpy,
)

MOST_NAMES = 36  # as rows of a table


@mpl.rc_context(STYLE)
def panels(
    maps: Sequence[Tensor],
    names: Sequence[str],
    *,
    title: str,
    alt: str,
    heat: Sequence[Tensor | None] | None = None,
    columns: int = 8,
    size: float = 1.2,
    signed: bool = False,
) -> DescribedFigure:
    """Draw two-dimensional maps (pictures, feature maps, filters), each with a name above it.

    Args:
        maps: each (height, width), any numbers; every map has its own scale from light to dark. A
            picture (height, width, 3) of red, green and blue is drawn as it is.
        names: one for each map; may be empty texts.
        title: what the figure shows, in a few words.
        alt: the figure in words.
        heat: for each map a tensor (height, width) from 0 to 1, laid over it in orange, stronger
            where it is larger, or None. Maps with heat are lighter, so that it shows on black too.
        columns: maps in a row.
        size: inches for each map; it becomes wider where a name or the title needs the room.
        signed: draw zero in white, negative numbers in orange and positive ones in purple, all maps
            on one scale.

    Raises:
        ValueError: if there are no maps, one is not (height, width), or the numbers of maps, names
            and heats differ.
    """
    check_drawable(maps=maps)
    check_equally_many(maps=maps, names=names)
    heat = [None] * len(maps) if heat is None else heat
    check_equally_many(maps=maps, heat=heat)
    for each in maps:
        shape = tuple(each.shape) if isinstance(each, Tensor) else ()
        if len(shape) != 2 and shape[2:] != (3,):
            got = shape if isinstance(each, Tensor) else type(each).__name__
            raise ValueError(
                f"every map must be a tensor (height, width), got {got}: choose one channel."
            )
    lines = [line for name in names for line in name.split("\n") if line]
    heights = max((name.count("\n") + 1 for name in names if name), default=0)
    width = max([size, *(0.085 * len(line) for line in lines)])  # inches per letter
    figure, places = DescribedFigure.of_places(
        len(maps), columns, (width, size + 0.22 * heights), 0.5, title, 13, alt
    )
    figure.set_figwidth(max(figure.get_figwidth(), 0.115 * len(title)))
    scale = {"cmap": "gray_r"}
    if signed:
        largest = max(float(m.abs().max()) for m in maps) or 1.0
        scale = {"cmap": "PuOr", "vmin": -largest, "vmax": largest}
    for axes, values, name, strength in zip(places, maps, names, heat, strict=True):
        picture = axes.imshow(to_numpy(values), **scale)
        axes.set_title(name, fontsize=10, loc="center")
        if strength is None:
            continue
        if values.ndim == 3:
            picture.set_alpha(0.85)
        elif not signed:
            lowest, highest = picture.get_clim()
            picture.set_clim(lowest, 2 * highest - lowest)  # the largest number in medium grey
        orange = {"cmap": "Oranges", "vmin": 0, "vmax": 1.4}
        axes.imshow(np.ones(strength.shape), alpha=0.75 * to_numpy(strength), **orange)
    return figure


@mpl.rc_context(STYLE)
def confusion(matrix: Tensor, classes: Sequence[str], *, source: str) -> DescribedFigure:
    """Draw how often each class is taken for each other one; an empty place means never.

    Where more than 36 classes leave no room for letters, they are numbered, and colours tell alone.
    The `matrix` of `Predictions.confusion` is int64 (right class, predicted class); `source` is the
    name of the image collection.

    Raises:
        ValueError: the matrix has not one row and one column for each class.
    """
    if tuple(matrix.shape) != (len(classes), len(classes)):
        raise ValueError(
            f"expected one row and one column for each of {len(classes)} classes, got a matrix of "
            f"shape {tuple(matrix.shape)}."
        )
    counts = to_numpy(matrix)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    wrong = counts - np.diag(np.diag(counts))
    row, column = np.unravel_index(wrong.argmax(), wrong.shape)
    words = (
        f"Table of {len(classes)} × {len(classes)} counts on {source}. {np.trace(counts)} of "
        f"{counts.sum()} are on the diagonal."
    )
    if wrong.any():
        words += (
            f" The largest number beside it: {classes[row]} taken for {classes[column]}, "
            f"{wrong[row, column]} times."
        )
    figure = DescribedFigure(8, 6.6, words)
    axes = figure.subplots()
    # Mistakes are rare: on a linear scale they would all be white.
    axes.imshow(shares**0.5, cmap="Blues", vmin=0, vmax=1)
    named = len(classes) <= MOST_NAMES
    for i, j in np.argwhere(counts) if named else ():
        ink = "white" if shares[i, j] > 0.35 else "black"
        axes.text(j, i, int(counts[i, j]), ha="center", va="center", fontsize=11, color=ink)
    if named:
        axes.set_xticks(range(len(classes)), classes, rotation=40, ha="right")
        axes.set_yticks(range(len(classes)), classes)
    axes.grid(visible=False)
    axes.set(xlabel="predicted class", ylabel="right class")
    axes.set_title(f"Which class is taken for which ({source})")
    return figure
