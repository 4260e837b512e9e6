"""The figure of `measure.stack_gradients`: the gradient norm of every layer of deep stacks."""

from __future__ import annotations

import math
from collections.abc import Mapping

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from resnet_course.measure import stack_gradients
from resnet_course.measure.stack_gradients import EXPLODES, StackGradients
from resnet_course.pictures import plots
from resnet_course.pictures.described import DescribedFigure
from resnet_course.pictures.style import COLOURS, DASHES, STYLE


@mpl.rc_context(STYLE)
def stack_gradients_figure(
    present: StackGradients, kept: Mapping[int, StackGradients], source: str
) -> DescribedFigure:
    """Draw the gradient norm of every layer, of one stack and, thinner, of others to compare.

    Title, verdict and the line of a quarter per layer, back from the last one, are about `present`.
    `kept` has the others by their places in `COLOURS`, from 1 on. Triangles at the edge stand for
    what a logarithmic axis cannot show.
    """
    stacks = {0: present, **kept}
    curves = {
        f.recipe: [stack_gradients.drawable(v) for v in f.norms.values()] for f in stacks.values()
    }
    last = curves[present.recipe][-1]
    figure = plots.gradient_flow(
        curves,
        title=f"{present.recipe}: {present.level.lower()}",
        bound=stack_gradients.SLOPE if math.isfinite(last) else None,
        source=source,
    )
    figure.alt = f"Gradient norm by layer on pictures of {source}, logarithmic scale. "
    figure.alt += f"{present.ends} {present.verdict}"
    if kept:
        figure.alt += " To compare: " + " ".join(other.ends for other in kept.values())
    (axes,) = figure.axes
    for place, line in zip(stacks, axes.get_lines(), strict=False):  # the line of 1/4 comes last
        line.set(color=COLOURS[place], linestyle=DASHES[place], zorder=2.5 if place else 3)
        line.set(linewidth=1.6 if place else 2.8, marker="o", markersize=3 if place else 5)
    healthy = {"label": "healthy: 0.001 to 1,000", "color": COLOURS[2], "alpha": 0.1}
    axes.axhspan(stack_gradients.FADES, EXPLODES, linewidth=0, **healthy)
    bottom, top = axes.get_ylim()
    axes.set_ylim(min(bottom, stack_gradients.VANISHES / 100), max(top, EXPLODES * 10))
    # By hand: there is no layer 0, and a curve that is 0 everywhere has no limits of its own.
    axes.set_xlim(0.5, max(map(len, curves.values())) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    handles = axes.get_legend_handles_labels()[0] + _edges(axes, stacks)
    axes.get_legend().remove()
    figure.legend(handles=handles, loc="outside lower left", ncols=1)
    figure.set_size_inches(8, 4.1 + 0.24 * len(handles))
    return figure


def _edges(axes: Axes, stacks: Mapping[int, StackGradients]) -> list[Line2D]:
    """Draw the triangles, one row for each curve that needs it; return what explains them."""
    explained = []
    for marker, label in stack_gradients.EDGES.items():
        rows = {place: stack.at(marker) for place, stack in stacks.items() if stack.at(marker)}
        if not rows:
            continue
        bottom, top = axes.get_ylim()
        room = (top / bottom) ** (0.06 * len(rows))
        axes.set_ylim((bottom / room, top) if marker == "v" else (bottom, top * room))
        for row, (place, layers) in enumerate(rows.items()):
            height = 0.03 + 0.05 * row
            height = height if marker == "v" else 1 - height
            look = {"color": COLOURS[place], "linestyle": "", "marker": marker}
            edge = axes.get_xaxis_transform()
            axes.plot(layers, [height] * len(layers), transform=edge, **look)
        explained.append(Line2D([], [], color="black", linestyle="", marker=marker, label=label))
    return explained
