"""The strip of the whole network: one bar per block, to scale, with the shortcuts as arcs above.

The strip does not change while a learner steps through the network. So it is laid out and written
once, and only the mark of the current place is drawn again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import drawsvg as svg

from resnet_course.pictures.canvas import BLUE, GREY, INK, ORANGE, SKY, SOFT, Group
from resnet_course.tracing.rows import LayerRow, Trace, by, neighbours

WIDTH, BASE, TALLEST = 872.0, 118.0, 96.0
MOST_BARS = 64


@dataclass(frozen=True)
class Bar:
    """One bar of the strip: the rows from `first` to `last` of the trace."""

    name: str
    stage: str
    first: int
    last: int
    x: float
    width: float
    height: float

    def shape(self, **look: Any) -> svg.Rectangle:
        """Return it as a rectangle that looks like this."""
        measures = (self.x, BASE - self.height / 2, self.width, self.height)
        return svg.Rectangle(*(round(measure, 1) for measure in measures), rx=2, **look)


class Strip:
    """The bars of a trace, in the order of the network, and where they stand."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.bars = _lay_out(trace.rows)

    def bar_of(self, index: int) -> Bar:
        """Return the bar that the row at `index` belongs to."""
        return next(bar for bar in self.bars if index <= bar.last)

    def draw(self) -> Group:
        """Return everything but the mark."""
        picture = Group()
        for bar in self.bars:
            fill = GREY if bar.first == bar.last else SKY
            shape = bar.shape(fill=fill, stroke=BLUE, stroke_width=0.8)
            shape.append_title(f"{bar.name}: {by(self.trace.rows[bar.last].out_shape)}")
            picture.append(shape)
        for start, end, dashed in self.arcs():
            picture.append(_arc(start, end, dashed))
        used = 0.0  # how far to the right there is writing
        for name, own in self._labels():
            middle = (own[0].x + own[-1].x + own[-1].width) / 2
            shape = by(self.trace.rows[own[-1].last].out_shape)
            half = 3.8 * max(len(shape), len(name))
            if middle - half > used or len(own) > 1:  # a lone layer goes without where it is narrow
                picture.text(name, middle, BASE + 68, 13, bold=True)
                picture.text(shape, middle, BASE + 84, 11.5, SOFT)
                used = middle + half
        return picture

    def _labels(self) -> list[tuple[str, list[Bar]]]:
        """Return the writing below: a name for each stage, and one for equal layers in a row."""
        found: list[tuple[str, list[Bar]]] = []
        for stage in dict.fromkeys(bar.stage for bar in self.bars):
            own = [bar for bar in self.bars if bar.stage == stage]
            shape = self.trace.rows[own[-1].last].out_shape
            name, before = found[-1] if found else ("", [])
            equal = before and self.trace.rows[before[-1].last].out_shape == shape
            if equal and all(bar.first == bar.last for bar in (*before, *own)):
                found[-1] = (f"{name.split(' … ')[0]} … {stage}", before + own)
            else:
                found.append((stage, own))
        return found

    def arcs(self) -> list[tuple[float, float, bool]]:
        """Return (left end, right end, has layers of its own) for every shortcut."""
        found = []
        for shortcut in self.trace.shortcuts:
            end = self.bar_of(shortcut.end)
            before = self.bar_of(shortcut.start) if shortcut.start >= 0 else None
            left = before.x + before.width + 1.5 if before else self.bars[0].x - 3
            right = end.x + end.width + 1.5
            if right > left:
                found.append((left, right, bool(shortcut.layers)))
        return found

    def mark(self, index: int) -> Group:
        """Draw the mark of the row at `index`: its bar in another colour, and a pointer."""
        bar = self.bar_of(index)
        share = (index - bar.first + 0.5) / (bar.last - bar.first + 1)
        place = bar.x + bar.width * share
        picture = Group()
        picture.append(bar.shape(fill="#F0E442", stroke=INK, stroke_width=2))
        foot = BASE + TALLEST / 2 + 4
        picture.polygon(place, foot - 6, place - 5, foot + 3, place + 5, foot + 3, fill=INK)
        return picture


def _arc(start: float, end: float, dashed: bool) -> svg.Path:
    height = min(22 + 0.25 * (end - start), BASE - TALLEST / 2 - 2)
    top = BASE - TALLEST / 2 - height * 0.9
    width, dash = (2, "4 3") if dashed else (1.4, None)
    path = svg.Path(stroke=ORANGE, stroke_width=width, fill="none", stroke_dasharray=dash)
    path.M(round(start, 1), BASE - 6)
    path.C(round(start, 1), top, round(end, 1), top, round(end, 1), BASE - 6)
    return path


def _lay_out(rows: tuple[LayerRow, ...]) -> list[Bar]:
    """Join rows into bars, as fine as they fit, and give each its place."""
    for parts in (99, 3, 2, 1):
        spans = neighbours(rows, parts)
        if len(spans) <= MOST_BARS:
            break
    sizes = [rows[last].out_shape or (1,) for _, _, last in spans]  # (): one number per picture
    largest = max((shape[-1] for shape in sizes if len(shape) > 1), default=1)
    widest = max(shape[0] for shape in sizes)
    widths = [4 + 12 * (shape[0] / widest) ** 0.5 for shape in sizes]
    stages = [rows[first].stage for _, first, _ in spans]
    gaps = [0.0] + [30.0 if a != b else 6.0 for a, b in zip(stages, stages[1:], strict=False)]
    scale = min(1.9, WIDTH / (sum(widths) + sum(gaps)))
    x = 24 + (WIDTH - scale * (sum(widths) + sum(gaps))) / 2
    bars = []
    for (name, first, last), shape, width, gap in zip(spans, sizes, widths, gaps, strict=True):
        x += gap * scale
        size = shape[-1] if len(shape) > 1 else 1
        tall = 8 + (TALLEST - 8) * size / largest
        bars.append(Bar(name, rows[first].stage, first, last, x, width * scale, tall))
        x += width * scale
    return bars
