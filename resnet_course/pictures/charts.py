"""More figures, beside those of `plots`: tables of numbers as squares, accuracy against cost."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter
from torch import Tensor

from resnet_course.pictures.described import DescribedFigure
from resnet_course.pictures.style import COLOURS, STYLE
from resnet_course.train.records import Record

LINES = "#c8ced6"


@mpl.rc_context(STYLE)
def matrices(
    tables: Mapping[str, Tensor], *, title: str, xlabel: str, ylabel: str, alt: str
) -> DescribedFigure:
    """Draw tables of numbers side by side, one square per number.

    A number that is exactly zero is white; any other is blue, darker the larger it is.

    Args:
        tables: label → (rows, columns); all are shown on one scale.
        title: what the figure shows, in a few words.
        xlabel: what the columns are.
        ylabel: what the rows are.
        alt: the patterns in words; how many numbers are not zero is added to it.
    """
    numbers = {label: np.abs(np.asarray(table.detach().cpu())) for label, table in tables.items()}
    largest = max(float(table.max()) for table in numbers.values()) or 1.0
    counts = {name: f"{np.count_nonzero(each)} of {each.size}" for name, each in numbers.items()}
    words = ", ".join(f"{label}: {count}" for label, count in counts.items())
    alt = f"{alt} Squares that are not zero: {words}."
    figure = DescribedFigure(0.6 + 2.9 * len(numbers), 4.0, alt)
    places = figure.grid(1, len(numbers), title, 14)
    for axes, (label, table) in zip(places, numbers.items(), strict=True):
        # The smallest number that is not zero must still differ from white.
        shades = np.where(table > 0, 0.35 + 0.65 * table / largest, 0)
        squares = {"edgecolors": LINES, "linewidth": 0.5, "rasterized": True}
        axes.pcolormesh(shades, cmap="Blues", vmin=0, vmax=1.1, **squares)
        rows, columns = table.shape
        axes.set_title(f"{label}\n{counts[label]} not zero", fontsize=12)
        axes.set_xticks([0.5, columns - 0.5], ["0", str(columns - 1)])
        axes.set_yticks([0.5, rows - 0.5], ["0", str(rows - 1)])
        axes.set(aspect="equal", xlabel=xlabel)
        axes.invert_yaxis()
        axes.grid(visible=False)
    figure.axes[0].set_ylabel(ylabel)
    return figure


@mpl.rc_context(STYLE)
def trade_off(
    costs: Mapping[str, float],
    series: Mapping[str, Mapping[str, float]],
    *,
    title: str,
    xlabel: str,
    ylabel: str,
    left: Collection[str] = (),
) -> DescribedFigure:
    """Draw what models are worth against what they cost, one marker per model and series.

    The cost axis is logarithmic: equal steps to the right multiply the cost. A thin line joins
    the markers of one model.

    Args:
        costs: name of a model → its cost.
        series: label → (name of a model → its worth); not every model need be there.
        title: what the figure shows, in a few words.
        xlabel: what is on the cost axis.
        ylabel: what is on the other axis.
        left: models whose name stands to the left of their marker, where it is crowded.
    """
    words = [
        f"{label}: " + ", ".join(f"{n} {w:.1f} at {costs[n]:.1f}" for n, w in worths.items()) + "."
        for label, worths in series.items()
    ]
    figure = DescribedFigure(9, 5.6, f"{title}. {ylabel} against {xlabel}. " + " ".join(words))
    axes = figure.subplots()
    for name, cost in costs.items():
        ends = [worths[name] for worths in series.values() if name in worths]
        axes.plot([cost] * len(ends), ends, color=LINES, linewidth=1.5, zorder=1)
    for (label, worths), colour, marker in zip(series.items(), COLOURS, "osD^v", strict=False):
        points = ([costs[name] for name in worths], list(worths.values()))
        axes.plot(*points, linestyle="", color=colour, marker=marker, markersize=9, label=label)
        for name, worth in worths.items():
            offset, side = ((-9, -13), "right") if name in left else ((9, -4), "left")
            look = {"textcoords": "offset points", "ha": side, "fontsize": 11}
            axes.annotate(name, (costs[name], worth), xytext=offset, **look)
    _logarithmic(axes, [2.0**i for i in range(-10, 40)])
    low, high = min(costs.values()), max(costs.values())
    axes.set(xlim=(low / 1.35, high * 1.35), title=title, xlabel=xlabel, ylabel=ylabel)
    axes.legend(loc="lower right")
    return figure


@mpl.rc_context(STYLE)
def accuracy_in_time(record: Record, *, bottom: float = 0.84) -> DescribedFigure:
    """Draw how the test accuracy of every recipe of a timed record grows with the seconds.

    A thin line is the mean over the seeds after every epoch; the large marker is where the recipe
    ends, with a bar from its lowest to its highest seed. Both axes show the part that matters: time
    is logarithmic, and what lies below `bottom` is left out.

    Args:
        record: its runs have `seconds`.
        bottom: the lowest accuracy to draw, a share.

    Raises:
        ValueError: if the runs have no seconds.
    """
    if not all(run.seconds for run in record.runs):
        raise ValueError(f"the runs of {record.name!r} are not timed: they have no seconds.")
    figure = DescribedFigure(9, 5)
    axes = figure.subplots()
    words = []
    for label, colour, marker in zip(record.labels, COLOURS, "osD^vPX", strict=False):
        seconds = record.curve(label, "seconds")
        percent = [100 * share for share in record.curve(label, "test_accuracy")]
        axes.plot(seconds, percent, color=colour, linewidth=1.2, marker=".", markersize=5)
        ends = [100 * share for share in record.last(label, "test_accuracy")]
        reach = [[percent[-1] - min(ends)], [max(ends) - percent[-1]]]
        look = {"color": colour, "marker": marker, "markersize": 11, "linestyle": "", "capsize": 5}
        label_with_end = f"{label}: {percent[-1]:.1f} % in {seconds[-1]:.0f} s"
        axes.errorbar(seconds[-1], percent[-1], yerr=reach, label=label_with_end, **look)
        words.append(f"{label}: {percent[-1]:.1f} % after {seconds[-1]:.0f} seconds")
    _logarithmic(axes, [s for m in (1, 10, 100, 1000) for s in (m, 3 * m)])
    axes.set_ylim(bottom=100 * bottom)
    images = record.evidence["images"].split(",")[0]
    axes.set_title(f"Test accuracy on {images} against time, mean of the seeds (recorded)")
    axes.set(xlabel="seconds since the start, logarithmic", ylabel="test accuracy, %")
    axes.legend(loc="upper left")
    figure.alt = "Accuracy against seconds of training. " + "; ".join(words) + "."
    return figure


def _logarithmic(axes: Axes, ticks: Sequence[float]) -> None:
    """Make the horizontal axis logarithmic, with numbers at these ticks alone."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
