"""SVG pictures of blocks and networks, from a `Trace`: the same picture everywhere.

The pictures bring their own light background, so that they can be read in a dark theme too.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby, pairwise

from resnet_course.pictures.block_drawing import block, check_trace
from resnet_course.pictures.canvas import BLUE, GREY, SKY, SOFT, Paper
from resnet_course.pictures.described import Svg
from resnet_course.pictures.diagrams import ParallelPaths, paths, windows
from resnet_course.pictures.style import check_drawable
from resnet_course.tracing.rows import LayerRow, Trace, by

__all__ = ["ParallelPaths", "block", "network", "paths", "windows"]


def network(trace: Trace, title: str) -> Svg:
    """Draw a whole network as a strip, from the picture on: one bar per step.

    The higher a bar, the larger the map; the wider, the more channels (by its square root).
    Numbers below: channels × height × width, in Swin's maps height × width × channels. The trace
    is best joined by block: `trace(...).grouped(2)`.

    Raises:
        ValueError: this is no trace, or nothing in it can be drawn.
    """
    check_trace(trace)
    skipped = ("BatchNorm2d", "ReLU", "flatten", "Identity", "unused")
    rows = [row for row in trace if row.kind not in skipped]
    check_drawable(trace=rows)
    names = dict.fromkeys(("name", "stage", "kind"), "picture")
    came = (rows[0].channels[0],) * 2
    picture_in = replace(rows[0], **names, out_shape=rows[0].in_shape, channels=came)
    widest = max(1, *(_channels(row) for row in rows))
    rows = [picture_in, *rows]
    tallest = max(map(_height, rows))
    stages = [list(own) for _, own in groupby(rows, key=lambda row: row.stage)]
    base = 140
    bars = [[8 + 26 * min(_channels(row) / widest, 1) ** 0.5 for row in own] for own in stages]
    spans = [max(sum(widths) + 6 * (len(widths) - 1), 84) for widths in bars]
    picture = Paper(24 + sum(spans) + 22 * len(spans), 270)
    picture.text(title, 16, 26, 17, bold=True, anchor="start")
    x = 24.0
    for stage, widths, span in zip(stages, bars, spans, strict=True):
        at = x + (span - sum(widths) - 6 * (len(widths) - 1)) / 2
        for row, bar in zip(stage, widths, strict=True):
            tall = 10 + 130 * _height(row) / tallest
            fill = GREY if row is picture_in else SKY
            picture.rectangle(at, base - tall / 2, bar, tall, rx=2, fill=fill, stroke=BLUE)
            at += bar + 6
        picture.text(stage[0].stage, x + span / 2, base + 92, 14, bold=True)
        picture.text(by(stage[-1].out_shape), x + span / 2, base + 112, 12, SOFT)
        x += span + 22
    shapes = ", ".join(f"{stage[0].stage} {by(stage[-1].out_shape)}" for stage in stages)
    maps = [row for row in rows if len(row.out_shape) > 2]
    narrows = all(
        _height(one) >= _height(other) and _channels(one) <= _channels(other)
        for one, other in pairwise(maps)
    )
    changes = maps and all(size(maps[0]) != size(maps[-1]) for size in (_height, _channels))
    look = ", from left to right lower and wider" if narrows and changes else ""
    alt = f"{title} as a row of bars{look}. {shapes}."
    return picture.finish(title, alt)


def _axis(row: LayerRow) -> int:
    """Return the axis of the channels in what comes out, the last one in some networks."""
    if len(row.out_shape) < 3:
        return 0
    if row.channels[1] is not None:
        return row.channels[1]
    first, second, last = row.out_shape[-3:]  # all values see the same: squares tell
    return 2 if len(row.out_shape) == 3 and first == second != last else 0


def _channels(row: LayerRow) -> int:
    return (row.out_shape or (1,))[_axis(row)]


def _height(row: LayerRow) -> int:
    sides = [size for axis, size in enumerate(row.out_shape) if axis != _axis(row)]
    return max(sides[-2], 1) if len(sides) > 1 else 1
