"""SVG curves of training runs, light enough to be drawn again and again while a network trains."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

import drawsvg as svg
from matplotlib.ticker import MaxNLocator

from resnet_course.pictures.canvas import SOFT, Paper
from resnet_course.pictures.described import Svg
from resnet_course.pictures.style import COLOURS
from resnet_course.train.history import EpochRow, History

STROKE_DASHES = (None, "8 4", "2 4", "9 3 2 3")  # as well as colours, for people who see no colours
WIDTH, LEFT, TOP, BOTTOM, PANEL = 860, 56, 52, 262, 340
SHOWN = len(COLOURS)
RUNAWAY = 3  # times the usual loss: what is above must not squeeze the rest


@dataclass
class Run:
    """What is known about one training run so far.

    Attributes:
        label: its name.
        epochs: how many it will have.
        losses: points (epochs passed, mean training loss since the last point).
        rows: the finished epochs.
        ended: how it ended, if that was too early: "stopped".
    """

    label: str
    epochs: int
    losses: list[tuple[float, float]] = field(default_factory=list)
    rows: list[EpochRow] = field(default_factory=list)
    ended: str = ""


def training_curves(runs: Sequence[Run]) -> Svg:
    """Draw the training loss (left) and the test accuracy (right) of the last seven runs."""
    runs = list(runs)[-SHOWN:]
    picture = Paper(WIDTH, BOTTOM + 52 + 20 * -(-max(len(runs), 1) // 3))
    losses = [run.losses for run in runs]
    accuracies = [
        [(_passed(run, row), 100 * row.test_accuracy) for row in run.rows] for run in runs
    ]
    last = max([run.epochs for run in runs], default=1)
    _panel(picture, LEFT, "training loss", losses, last)
    _panel(picture, LEFT + PANEL + 96, "test accuracy, %", accuracies, last, dots=True)
    for i, run in enumerate(runs):
        x, y = 24 + 276 * (i % 3), BOTTOM + 58 + 20 * (i // 3)
        colour, dash = _look(i)
        look = {"stroke": colour, "stroke_width": 3, "stroke_dasharray": dash}
        picture.line(x, y - 4, x + 34, y - 4, **look)
        ending = f", {run.ended}" if run.ended else ""
        room = 30 - len(ending)
        name = run.label if len(run.label) < room else run.label[: room - 2] + "…"
        picture.text(name + ending, x + 42, y, 12.5, anchor="start")
    return picture.finish("Training", " ".join(describe(run) for run in runs) or "No run yet.")


def history_curves(history: History, label: str = "this run") -> Svg:
    """Draw loss and accuracy of a finished run over the epochs, as `TrainingMonitor` does.

    Raises:
        ValueError: no epoch is finished.
    """
    losses = [(row.epoch, row.train_loss) for row in history.rows]
    begin = [(0, loss) for loss in history.step_losses[:1]]
    return training_curves([Run(label, history.last.epoch, begin + losses, history.rows)])


def describe(run: Run) -> str:
    """Return the state of a run in a sentence."""
    label = f"{run.label} ({run.ended})" if run.ended else run.label
    if not run.rows:
        loss = f", training loss {run.losses[-1][1]:.2f}" if run.losses else ""
        return f"{label}: no epoch finished yet{loss}."
    row = run.rows[-1]
    where = "within" if _passed(run, row) < row.epoch else "after"
    return (
        f"{label}: {where} epoch {row.epoch} of {run.epochs} training loss {row.train_loss:.2f}, "
        f"test accuracy {row.test_accuracy:.1%}."
    )


def _passed(run: Run, row: EpochRow) -> float:
    """Return how many epochs had passed: the last one of a stopped run may be cut short."""
    return min(row.epoch, run.losses[-1][0]) if run.ended and run.losses else row.epoch


def _look(i: int) -> tuple[str, str | None]:
    return COLOURS[i % len(COLOURS)], STROKE_DASHES[i % len(STROKE_DASHES)]


def _panel(
    picture: Paper,
    left: float,
    title: str,
    curves: Sequence[Sequence[tuple[float, float]]],
    last: int,
    *,
    dots: bool = False,
) -> None:
    """Draw axes with round numbers and the curves in them."""
    curves = [[point for point in curve if math.isfinite(point[1])] for curve in curves]
    share = "%" in title
    heights = [y for curve in curves for _, y in curve]
    if heights and not share:
        # A run far above where all began, and above the best, went wrong: its ▲ says how far.
        middles = [sorted(y for _, y in curve)[(len(curve) - 1) // 2] for curve in curves if curve]
        usual = max([min(middles), *(curve[0][1] for curve in curves if curve)])
        heights = [y for y in heights if y <= RUNAWAY * usual]
    ticks = MaxNLocator(5).tick_values(*_limits(heights, 100 if share else 1))
    ticks = [tick for tick in ticks if tick >= 0 and (tick <= 100 or not share)]
    low, high = float(ticks[0]), float(ticks[-1])

    def place(x: float, y: float) -> tuple[float, float]:
        across, up = left + PANEL * x / last, (min(y, high) - low) / (high - low)
        return round(across, 1), round(BOTTOM - (BOTTOM - TOP) * up, 1)

    picture.text(title, left, TOP - 18, 14, bold=True, anchor="start")
    for tick in ticks:
        _, y = place(0, tick)
        picture.append(svg.Line(left, y, left + PANEL, y, stroke="#dde3ea"))
        picture.text(f"{tick:g}", left - 8, y + 4, 12, SOFT, anchor="end")
    for tick in MaxNLocator(6, integer=True).tick_values(0, last):
        if tick <= last:
            picture.text(f"{tick:g}", place(tick, low)[0], BOTTOM + 17, 12, SOFT)
    picture.text("epochs", left + PANEL / 2, BOTTOM + 34, 12, SOFT)
    for i, curve in enumerate(curves):
        colour, dash = _look(i)
        points = [place(*point) for point in curve]
        if len(points) > 1:
            look = {"stroke": colour, "stroke_width": 2.5, "fill": "none", "stroke_dasharray": dash}
            picture.append(svg.Lines(*chain.from_iterable(points), **look))
        for x, y in points if dots or len(points) == 1 else []:
            picture.circle(x, y, 4, fill=colour)
        x, y = max(curve, key=lambda point: point[1], default=(0, low))
        if y > high and not math.isclose(y, high):
            at, side = place(x, y)[0], ("start" if x < last / 2 else "end")
            beside = at + 5 if side == "start" else at - 5
            picture.text(f"▲ {y:.3g}", beside, TOP + 14, 12, colour, bold=True, anchor=side)


def _limits(heights: Sequence[float], most: float) -> tuple[float, float]:
    """Return what an axis should show: all of it, but a few spikes must not squeeze the rest.

    Where there is nothing to show, or nothing but zeros, it is 0 to `most`.
    """
    if not heights or max(heights) <= 0:
        return 0, most
    low, high = min(heights), max(heights)
    usual = sorted(heights)[int(0.9 * (len(heights) - 1))]
    if high - low > 3 * (usual - low) > 0:
        high = low + 1.5 * (usual - low)
    if high - low < 0.02 * abs(high):  # one point, or all alike: ticks with two digits will do
        low, high = low - 0.1 * abs(high), high + 0.1 * abs(high)
    return low, high
