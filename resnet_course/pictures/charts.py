"""More figures of `plots`: bars, tables as squares, accuracy against cost, a range test."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import cycle

import matplotlib as mpl
import numpy as np
from matplotlib.ticker import FixedLocator
from torch import Tensor

from resnet_course.pictures.described import DescribedFigure
from resnet_course.pictures.style import (
    COLOURS,
    STYLE,
    check_drawable,
    check_equally_many,
    to_numpy,
)
from resnet_course.train.learning_rate import RateTest

LINES = "#c8ced6"


@mpl.rc_context(STYLE)
def bars(
    names: Sequence[str],
    series: Mapping[str, Sequence[float]],
    *,
    title: str,
    xlabel: str = "",
    ylabel: str,
    alt: str,
    draws: Mapping[str, Sequence[Sequence[float]]] | None = None,
    guessing: float | None = None,
) -> DescribedFigure:
    """Draw bars side by side, one group per name, with their values as whole numbers.

    `series` is label → values, each as long as `names`; `alt` is the figure in words. `draws`,
    label → for each name the single results behind the bar, are dots; the numbers then stand inside
    the bars. `guessing`, what chance alone gives, is a thin line.

    Raises:
        ValueError: nothing to draw, or values that are not as many as names.
    """
    check_drawable(names=names, series=series)
    check_equally_many(
        names=names, **{f"values of {label!r}": each for label, each in series.items()}
    )
    figure = DescribedFigure(8, 4.2, alt)
    axes = figure.subplots()
    width = 0.8 / len(series)
    looks = zip(series.items(), cycle(COLOURS), cycle(("", "//", "..", "xx")), strict=False)
    for i, ((label, values), colour, hatch) in enumerate(looks):
        places = np.arange(len(names)) + (i - (len(series) - 1) / 2) * width
        look = {"color": colour, "hatch": hatch, "edgecolor": "white"}
        drawn = axes.bar(places, values, width, label=label, **look)
        if draws is None:
            axes.bar_label(drawn, fmt="{:.0f}", padding=2, fontsize=11)
            continue
        box = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"}
        axes.bar_label(drawn, fmt="{:.0f}", label_type="center", fontsize=11, bbox=box)
        for place, results in zip(places, draws[label], strict=True):
            spots = place + np.linspace(-0.25, 0.25, len(results)) * width
            dots = axes.plot(spots, results, "o", color="black", markersize=4, mfc="white")
    if guessing is not None:
        axes.axhline(guessing, color="black", linewidth=1, label="guessing")
    axes.set_xticks(range(len(names)), names)
    axes.grid(visible=False, axis="x")
    axes.set_axisbelow(True)
    crowded = draws is None and len(series) > 2
    axes.margins(y=0.25 if crowded else 0.12)  # room for the numbers, and for the legend above them
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
    if crowded:
        axes.legend(loc="upper center", ncols=len(series))
    elif draws is None:
        axes.legend()
    else:  # bars as high as these leave no room for it
        dots[0].set_label("one draw (bar: mean)")
        figure.legend(loc="outside lower center", ncols=3)
        figure.set_figheight(4.8)
    return figure


@mpl.rc_context(STYLE)
def matrices(
    tables: Mapping[str, Tensor], *, title: str, xlabel: str, ylabel: str, alt: str
) -> DescribedFigure:
    """Draw tables of numbers, label → (rows, columns), side by side, one square per number.

    A number that is exactly zero is white; any other is blue, darker the larger it is, on one scale
    for all. `alt` has the patterns in words; how many numbers are not zero is added to it.
    """
    numbers = {label: np.abs(to_numpy(table)) for label, table in tables.items()}
    largest = max(float(table.max()) for table in numbers.values()) or 1.0
    counts = {name: f"{np.count_nonzero(each)} of {each.size}" for name, each in numbers.items()}
    words = ", ".join(f"{label}: {count}" for label, count in counts.items())
    alt = f"{alt} Squares that are not zero: {words}."
    figure = DescribedFigure(0.6 + 2.9 * len(numbers), 4.0, alt)
    figure.suptitle(title, fontsize=14)
    places = figure.subplots(1, len(numbers), squeeze=False)[0]
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
    places[0].set_ylabel(ylabel)
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

    `costs` is name of a model → its cost, `series` label → (name of a model → its worth); not every
    model need be there. The names in `left` stand to the left of their marker, where it is crowded.
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
    for (label, worths), colour, marker in zip(
        series.items(), cycle(COLOURS), cycle("osD^v"), strict=False
    ):
        points = ([costs[name] for name in worths], list(worths.values()))
        axes.plot(*points, linestyle="", color=colour, marker=marker, markersize=9, label=label)
        for name, worth in worths.items():
            offset, side = ((-9, -13), "right") if name in left else ((9, -4), "left")
            look = {"textcoords": "offset points", "ha": side, "fontsize": 11}
            axes.annotate(name, (costs[name], worth), xytext=offset, **look)
    axes.set_xscale("log")
    ticks = FixedLocator([2.0**i for i in range(-10, 40)])
    axes.xaxis.set(major_locator=ticks, major_formatter="{x:g}")
    axes.minorticks_off()
    low, high = min(costs.values()), max(costs.values())
    axes.set(xlim=(low / 1.35, high * 1.35), title=title, xlabel=xlabel, ylabel=ylabel)
    axes.legend(loc="lower right")
    return figure


@mpl.rc_context(STYLE)
def learning_rates(test: RateTest) -> DescribedFigure:
    """Draw the loss of a test of `find_learning_rate` against the rate, its suggestion marked."""
    alt = f"Loss against learning rate, which grows from {test.rates[0]:g}. In words: {test}."
    figure = DescribedFigure(8, 4.2, alt)
    axes = figure.subplots()
    axes.plot(test.rates, test.losses, color=COLOURS[0])
    marks = ((test.suggestion, "try this", COLOURS[1]), (test.lowest, "lowest loss", "black"))
    for rate, words, colour in marks:
        axes.axvline(rate, color=colour, linestyle="--", label=f"{words}: {rate:.2g}")
    axes.set_xscale("log")
    axes.set(xlabel="learning rate", ylabel="loss, smoothed", title=f"source: {test.source}")
    axes.legend()
    return figure
