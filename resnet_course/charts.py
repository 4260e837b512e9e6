"""More figures, beside those of `plots`: tables of numbers as squares, accuracy against cost."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import matplotlib as mpl
import numpy as np
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter
from torch import Tensor

from resnet_course.pictures import DescribedFigure
from resnet_course.style import COLOURS, STYLE

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
    counts = {
        label: f"{np.count_nonzero(table)} of {table.size}" for label, table in numbers.items()
    }
    words = ", ".join(f"{label}: {count}" for label, count in counts.items())
    figure = DescribedFigure(
        figsize=(0.6 + 2.9 * len(numbers), 4.0),
        layout="constrained",
        alt=f"{alt} Squares that are not zero: {words}.",
    )
    figure.suptitle(title, fontsize=14)
    for axes, (label, table) in zip(
        np.ravel(figure.subplots(1, len(numbers), squeeze=False)), numbers.items(), strict=True
    ):
        # The smallest number that is not zero must still differ from white.
        shades = np.where(table > 0, 0.35 + 0.65 * table / largest, 0)
        axes.pcolormesh(
            shades, cmap="Blues", vmin=0, vmax=1.1, edgecolors=LINES, linewidth=0.5, rasterized=True
        )
        rows, columns = table.shape
        axes.set_title(f"{label}\n{counts[label]} not zero", fontsize=12)
        axes.set_xticks([0.5, columns - 0.5], ["0", str(columns - 1)])
        axes.set_yticks([0.5, rows - 0.5], ["0", str(rows - 1)])
        axes.set_aspect("equal")
        axes.invert_yaxis()
        axes.grid(visible=False)
        axes.set_xlabel(xlabel)
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
    figure = DescribedFigure(
        figsize=(9, 5.6),
        layout="constrained",
        alt=f"{title}. {ylabel} against {xlabel}. " + " ".join(words),
    )
    axes = figure.subplots()
    for name, cost in costs.items():
        ends = [worths[name] for worths in series.values() if name in worths]
        axes.plot([cost] * len(ends), ends, color=LINES, linewidth=1.5, zorder=1)
    for (label, worths), colour, marker in zip(series.items(), COLOURS, "osD^v", strict=False):
        points = ([costs[name] for name in worths], list(worths.values()))
        axes.plot(*points, linestyle="", color=colour, marker=marker, markersize=9, label=label)
        for name, worth in worths.items():
            axes.annotate(
                name,
                (costs[name], worth),
                xytext=(-9, -13) if name in left else (9, -4),
                textcoords="offset points",
                ha="right" if name in left else "left",
                fontsize=11,
            )
    axes.set_xscale("log")
    low, high = min(costs.values()), max(costs.values())
    axes.set_xlim(low / 1.35, high * 1.35)
    axes.xaxis.set_major_locator(FixedLocator([2.0**i for i in range(-10, 40)]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.set_title(title)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.legend(loc="lower right")
    return figure
