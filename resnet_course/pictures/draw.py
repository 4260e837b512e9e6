"""SVG pictures of blocks and networks, from a `Trace`: the same picture everywhere.

The pictures bring their own light background, so that they can be read in a dark theme too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import drawsvg as svg

from resnet_course.pictures.canvas import BLUE, GREY, INK, ORANGE, SKY, SOFT, Paper
from resnet_course.pictures.described import Svg
from resnet_course.pictures.diagrams import paths, windows
from resnet_course.pictures.style import check_drawable
from resnet_course.tracing.rows import LayerRow, Trace, by

__all__ = ["block", "network", "paths", "windows"]

FILLS = {"Conv2d": SKY, "BatchNorm2d": "#e9eef4", "ReLU": "#d5efe6", "add": "#fde3d2"}
EXPLAIN = {
    "BatchNorm2d": "batch norm",
    "Conv2d": "conv",
    "MaxPool2d": "max pool",
    "ZeroPadShortcut": "skip pixels, add channels of zeros",
}


def block(trace: Trace, title: str, hide: Sequence[str] = ()) -> Svg:
    """Draw one residual (or plain) block: its layers in a row, its shortcut as an arc above.

    A solid arc is the input itself, a dashed arc passes layers of its own.

    Args:
        trace: of one block.
        title: name of the block, shown in the corner.
        hide: kinds of layers to leave out, ["BatchNorm2d"] to fit a long block on the page.

    Raises:
        ValueError: this is no trace, or nothing in it can be drawn.
    """
    _check_trace(trace)
    main = [row for row in trace if row.path == "main" and row.kind not in hide]
    check_drawable(trace=main)
    # nn.Identity does nothing: a shortcut that passes it still carries the input itself.
    hide = [*hide, "Identity"]
    side = [row for row in trace if row.path == "shortcut" and row.kind not in hide]
    joint = next((i for i, row in enumerate(main) if row.kind == "add"), None)
    pitch, left, middle = 108, 104, 150
    picture = Paper(left + pitch * len(main) + 114, 234)
    picture.text(title, 16, 26, 17, bold=True, anchor="start")

    picture.text(by(main[0].in_shape), left - 52, middle + 6, 14, bold=True)
    picture.text("in", left - 52, middle + 24, 12, SOFT)
    shape = main[0].in_shape
    for i, row in enumerate(main):
        x = left + pitch * i
        if i == joint:
            picture.circle(x + 58, middle, 20, fill=FILLS["add"], stroke=ORANGE)
            picture.text("+", x + 58, middle + 8, 24, bold=True)
            picture.arrow(x - 8, middle, x + 38, middle)
            picture.line(x + 78, middle, x + pitch - 8, middle)
        else:
            picture.arrow(x - (8 if i else 0), middle, x + 14, middle)
            _layer_box(picture, row, x + 14, middle - 34, pitch - 22)
        if row.out_shape != shape:
            picture.text(f"now {by(row.out_shape)}", x + 57, middle + 62, 13, BLUE, bold=True)
            shape = row.out_shape
    end = left + pitch * len(main)
    picture.arrow(end - 8, middle, end + 14, middle)
    picture.text(by(shape), end + 64, middle + 6, 14, bold=True)
    picture.text("out", end + 64, middle + 24, 12, SOFT)

    words = [f"{title}: {by(main[0].in_shape)} goes in", *map(_name, main)]
    if joint is not None:
        _shortcut(picture, side, left + 3, left + pitch * joint + 58, middle)
        kind = " and ".join(_name(row) for row in side) or "the unchanged input"
        words.append(f"the shortcut carries {kind} to the addition")
    alt = ", ".join(words) + f", {by(shape)} comes out."
    return picture.finish(title, alt)


def network(trace: Trace, title: str) -> Svg:
    """Draw a whole network as a strip, from the picture on: one bar per step.

    The higher a bar, the larger the map; the wider, the more channels (by its square root).
    Numbers below: channels × height × width.

    Args:
        trace: of a network, best joined by block, `trace(...).grouped(2)`.
        title: name of the network.

    Raises:
        ValueError: this is no trace, or nothing in it can be drawn.
    """
    _check_trace(trace)
    skipped = ("BatchNorm2d", "ReLU", "flatten", "Identity", "unused")
    rows = [row for row in trace if row.kind not in skipped]
    check_drawable(trace=rows)
    names = dict.fromkeys(("name", "stage", "kind"), "picture")
    picture_in = replace(rows[0], **names, out_shape=rows[0].in_shape)
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
    alt = f"{title} as a row of bars, from left to right lower and wider. {shapes}."
    return picture.finish(title, alt)


def _channels(row: LayerRow) -> int:
    return (row.out_shape or (1,))[0]


def _height(row: LayerRow) -> int:
    return max(row.out_shape[-2], 1) if len(row.out_shape) > 2 else 1


def _check_trace(trace: object) -> None:
    if not isinstance(trace, Trace):
        raise ValueError(
            f"trace must be a Trace, got {type(trace).__name__}: trace(model, shape) makes one."
        )


def _layer_box(picture: Paper, row: LayerRow, x: float, y: float, width: float) -> None:
    fill = FILLS.get(row.kind, GREY)
    picture.rectangle(x, y, width, 68, rx=8, fill=fill, stroke=INK, stroke_width=1.2)
    details = _details(row)
    size = 14 if len(_kind(row)) < 8 else 12
    picture.text(_kind(row), x + width / 2, y + (24 if details else 39), size, bold=True)
    for i, words in enumerate(details):
        picture.text(words, x + width / 2, y + 43 + 16 * i, 11.5)


def _shortcut(
    picture: Paper, side: Sequence[LayerRow], start: float, end: float, middle: float
) -> None:
    dash = "8 5" if side else None
    path = svg.Path(stroke=ORANGE, stroke_width=3, fill="none", stroke_dasharray=dash)
    path.M(start, middle).L(start, 84).Q(start, 70, start + 14, 70)
    path.L(end - 14, 70).Q(end, 70, end, 84).L(end, middle - 30)
    picture.append(path)
    picture.arrow(end, middle - 30, end, middle - 21, ORANGE)
    label = " → ".join(_name(row) for row in side) if side else "identity: the input itself"
    width = 8.6 * len(label) + 30
    x = (start + end - width) / 2
    picture.rectangle(x, 54, width, 32, rx=8, fill="#fff3ea", stroke=ORANGE)
    picture.text(label, x + width / 2, 75, 14)


def _kind(row: LayerRow) -> str:
    return EXPLAIN.get(row.kind, row.kind)


def _details(row: LayerRow) -> list[str]:
    if row.kernel is None:
        return []
    details = [f"{by(row.kernel)}, stride {row.stride[0]}"]
    if row.groups and row.groups > 1:
        details.append(f"{row.groups} groups")
    return details


def _name(row: LayerRow) -> str:
    return " ".join([_kind(row), *_details(row)])
