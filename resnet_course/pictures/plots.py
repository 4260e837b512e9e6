"""Figures: numbers in, a matplotlib `Figure` out.

No function shows anything by itself. In a notebook the figure shows itself as the last value of a
cell; elsewhere call its `savefig`. Colours are those of Okabe and Ito, which people with any kind
of colour vision can tell apart; line styles differ as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from resnet_course.blocks import check_whole
from resnet_course.pictures.charts import bars as bars
from resnet_course.pictures.charts import learning_rates as learning_rates
from resnet_course.pictures.charts import matrices as matrices
from resnet_course.pictures.charts import trade_off as trade_off
from resnet_course.pictures.described import DescribedFigure
from resnet_course.pictures.style import (
    COLOURS,
    DASHES,
    GREY,
    STYLE,
    check_drawable,
    check_equally_many,
    check_images,
    is_printed,
    pixels,
)
from resnet_course.train.history import History
from resnet_course.train.inputs import check_name
from resnet_course.train.records import Record

NAMES = {
    "train_loss": "training loss",
    "train_accuracy": "training accuracy",
    "test_accuracy": "test accuracy",
}


@mpl.rc_context(STYLE)
def image_grid(
    images: Tensor, labels: Sequence[int], classes: Sequence[str], source: str
) -> DescribedFigure:
    """Draw pictures, uint8 (N, 1 or 3, height, width), with the names of their classes.

    `labels` are N numbers of `classes`; `source` is the name of the image collection.

    Raises:
        ValueError: these are no pictures, or not as many labels, or labels without a name.
    """
    check_images(images)
    check_equally_many(images=images, labels=labels)
    if not all(0 <= int(label) < len(classes) for label in labels):
        raise ValueError(f"labels must be from 0 to {len(classes) - 1}, got {list(labels)[:20]}.")
    names = [classes[int(label)] for label in labels]
    alt = f"{len(images)} pictures from {source}: {', '.join(names)}."
    title = f"source: {source}"
    figure, places = DescribedFigure.of_places(len(images), 10, (1.25, 1.6), 0.4, title, 11, alt)
    for axes, image, name in zip(places, images, names, strict=True):
        axes.imshow(pixels(image, is_printed(source)).numpy(), **GREY)
        axes.set_title(name, fontsize=10)
    return figure


@mpl.rc_context(STYLE)
def lines(
    x: Sequence[float],
    curves: Mapping[str, Sequence[float]],
    *,
    title: str,
    xlabel: str,
    ylabel: str,
    alt: str,
    log: bool = False,
    marks: Mapping[str, float] | None = None,
) -> DescribedFigure:
    """Draw curves, label → values, each as long as `x`, over a common axis.

    `log` makes the vertical axis logarithmic. `marks`, label → height, are thin horizontal lines.
    `alt` is the figure in words.

    Raises:
        ValueError: no curve, or one that is not as long as `x`.
    """
    check_drawable(x=x, curves=curves)
    check_equally_many(x=x, **{f"values of {label!r}": each for label, each in curves.items()})
    points = {label: (x, values) for label, values in curves.items()}
    figure, axes = _curves(points, alt, title=title, xlabel=xlabel, ylabel=ylabel)
    for label, height in (marks or {}).items():
        axes.axhline(height, color="black", linewidth=1)
        axes.annotate(label, (x[0], height), xytext=(4, 4), textcoords="offset points", fontsize=11)
    axes.set_yscale("log" if log else "linear")
    return figure


@mpl.rc_context(STYLE)
def gradient_flow(
    norms: Mapping[str, Mapping[str, float] | Sequence[float]],
    *,
    title: str = "How strongly the loss pulls at each layer",
    bound: float | None = None,
    source: str = "",
) -> DescribedFigure:
    """Draw gradient norms from the first layer (left, at the picture) to the last, log scale.

    `norms` is label → norms by layer, as `gradient_norms` returns them. With `bound`, 0.25 for
    sigmoid, bound^(layers to go) is drawn as well. The axis names the `source` of the images.

    Raises:
        ValueError: no norms.
    """
    check_drawable(norms=norms, **{f"{label!r}": values for label, values in norms.items()})
    runs = {
        label: list(values.values() if isinstance(values, Mapping) else values)
        for label, values in norms.items()
    }
    words = [
        f"{label}: {values[0]:.0e} at the first layer, {values[-1]:.0e} at the last."
        for label, values in runs.items()
    ]
    alt = "Gradient norm by layer, logarithmic scale. " + " ".join(words)
    points = {label: (range(1, len(v) + 1), v) for label, v in runs.items()}
    xlabel = "layer, from the picture to the logits" + (f" ({source})" if source else "")
    figure, axes = _curves(points, alt, title=title, xlabel=xlabel, ylabel="gradient norm")
    figure.set_figheight(4.4)
    if bound is not None:
        steps, first = next(iter(points.values()))
        heights = [first[-1] * bound ** (len(first) - i) for i in steps]
        axes.plot(steps, heights, color="black", linewidth=1.2, label=f"{bound:g} per layer")
        axes.legend()
    axes.set_yscale("log")
    return figure


@mpl.rc_context(STYLE)
def learning_curves(
    histories: Mapping[str, History], column: str = "train_loss"
) -> DescribedFigure:
    """Draw one number of each run, label → `History`, over the epochs, all on the same images.

    The `column` is "train_loss", "train_accuracy" or "test_accuracy".

    Raises:
        ValueError: no run, one without a finished epoch, or no such column.
    """
    if not isinstance(histories, Mapping):
        kind = type(histories).__name__
        raise ValueError(f"histories must be a dict, label → History, got {kind}.")
    check_name(column, list(NAMES), "column")
    check_drawable(histories=histories, **{f"{label!r}": h.rows for label, h in histories.items()})
    words = [f"{label}: {h.column(column)[-1]:.2f} at the end." for label, h in histories.items()]
    alt = f"{NAMES[column]} by epoch. " + " ".join(words)
    points = {label: (h.column("epoch"), h.column(column)) for label, h in histories.items()}
    sources = sorted({history.source for history in histories.values()})
    title = f"{NAMES[column].capitalize()} on {', '.join(sources)}"
    figure, axes = _curves(points, alt, "osD^v", title=title, xlabel="epoch")
    every = sorted({epoch for epochs, _ in points.values() for epoch in epochs})
    if len(every) <= 20:
        axes.set_xticks(every)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


@mpl.rc_context(STYLE)
def recorded_curves(
    record: Record, column: str = "test_accuracy", *, start: int = 1
) -> DescribedFigure:
    """Draw one number of every network of a record over the epochs: the mean over its seeds.

    A band reaches from the lowest to the highest of the seeds. The `record` has runs of equal
    length, as `recorded` returns them; the `column` is one of `learning_curves`. A later `start`,
    the first epoch to draw, shows the end larger.

    Raises:
        ValueError: no such column or epoch.
    """
    check_name(column, list(NAMES), "column")
    check_whole(1, len(record.runs[0].train_loss), start=start)
    name = NAMES[column].capitalize()
    means = {label: record.curve(label, column)[start - 1 :] for label in record.labels}
    words = [f"{label}: {values[-1]:.3f} at the end." for label, values in means.items()]
    epochs = range(start, start + len(next(iter(means.values()))))
    points = {label: (epochs, values) for label, values in means.items()}
    images = record.evidence["images"].split(",")[0]
    title = f"{name} on {images}, mean of the seeds (recorded)"
    alt = f"{name} from epoch {start} on. " + " ".join(words)
    figure, axes = _curves(points, alt, title=title, xlabel="epoch")
    for line, label in zip(axes.get_lines(), means, strict=True):
        columns = np.array([getattr(run, column)[start - 1 :] for run in record.of(label)])
        low, high = columns.min(axis=0), columns.max(axis=0)
        axes.fill_between(epochs, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def _curves(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    alt: str,
    markers: Sequence[str] = ("",),
    **words: str,
) -> tuple[DescribedFigure, Axes]:
    """Draw label → (x, y), each in a colour, a line style and a marker of its own."""
    figure = DescribedFigure(8, 4.2, alt)
    axes = figure.subplots()
    styles = zip(cycle(COLOURS), cycle(DASHES), cycle(markers), strict=False)
    for (label, (x, y)), (colour, dash, marker) in zip(curves.items(), styles, strict=False):
        axes.plot(x, y, color=colour, linestyle=dash, marker=marker, label=label)
    axes.set(**words)
    axes.legend()
    return figure, axes
