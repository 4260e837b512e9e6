"""SVG pictures of blocks and networks, from a `Trace`: the same picture everywhere.

The pictures bring their own light background, so that they can be read in a dark theme too.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

import drawsvg as svg

from resnet_course.pictures import Svg
from resnet_course.rows import LayerRow, Trace, by

INK, SOFT, PAPER = "#1b2330", "#5a6472", "#ffffff"
BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#D55E00", "#009E73", "#B3001B", "#e8ecf1"
FILLS = {"Conv2d": "#cfe5f5", "BatchNorm2d": "#e9eef4", "ReLU": "#d5efe6", "add": "#fde3d2"}
FONT = "Helvetica, Arial, sans-serif"
EXPLAIN = {
    "BatchNorm2d": "batch norm",
    "Conv2d": "conv",
    "MaxPool2d": "max pool",
    "ZeroPadShortcut": "skip pixels, add channels of zeros",
}


def block(trace: Trace, title: str) -> Svg:
    """Draw one residual (or plain) block: its layers in a row, its shortcut as an arc above.

    A solid arc is the input itself, a dashed arc passes layers of its own.

    Args:
        trace: of one block.
        title: name of the block, shown in the corner.
    """
    main = [row for row in trace if row.path == "main"]
    side = [row for row in trace if row.path == "shortcut"]
    joint = next((i for i, row in enumerate(main) if row.kind == "add"), None)
    pitch, left, middle = 108, 104, 150
    width, height = left + pitch * len(main) + 108, 234
    picture = _paper(width, height)
    _text(picture, title, 16, 26, 17, bold=True, anchor="start")

    _text(picture, by(main[0].in_shape), left - 52, middle + 6, 14, bold=True)
    _text(picture, "in", left - 52, middle + 24, 12, SOFT)
    shape = main[0].in_shape
    for i, row in enumerate(main):
        x = left + pitch * i
        if i == joint:
            picture.append(svg.Circle(x + 58, middle, 20, fill=FILLS["add"], stroke=ORANGE))
            _text(picture, "+", x + 58, middle + 8, 24, bold=True)
            _arrow(picture, x - 8, middle, x + 38, middle)
            _line(picture, x + 78, middle, x + pitch - 8, middle)
        else:
            _arrow(picture, x - (8 if i else 0), middle, x + 14, middle)
            _layer_box(picture, row, x + 14, middle - 34, pitch - 22)
        if row.out_shape != shape:
            _text(picture, f"now {by(row.out_shape)}", x + 57, middle + 62, 13, BLUE, bold=True)
            shape = row.out_shape
    end = left + pitch * len(main)
    _arrow(picture, end - 8, middle, end + 14, middle)
    _text(picture, by(shape), end + 60, middle + 6, 14, bold=True)
    _text(picture, "out", end + 60, middle + 24, 12, SOFT)

    words = [f"{title}: {by(main[0].in_shape)} goes in"]
    words += [f"{_name(row)}" for row in main]
    if joint is not None:
        _shortcut(picture, side, left + 3, left + pitch * joint + 58, middle)
        kind = " and ".join(_name(row) for row in side) or "the unchanged input"
        words.append(f"the shortcut carries {kind} to the addition")
    alt = ", ".join(words) + f", {by(shape)} comes out."
    return Svg(_finish(picture, title, alt), alt)


def network(trace: Trace, title: str) -> Svg:
    """Draw a whole network as a strip: one bar per step, its height is the map's height.

    The wider a bar, the more channels. Numbers below: channels × height × width.

    Args:
        trace: of a network, best joined by block, `trace(...).grouped(2)`.
        title: name of the network.
    """
    rows = [row for row in trace if row.kind not in ("BatchNorm2d", "ReLU", "flatten", "Identity")]
    tallest = max(row.out_shape[1] for row in rows if len(row.out_shape) == 3)
    widest = max(row.out_shape[0] for row in rows)
    stages: list[list[LayerRow]] = []
    for row in rows:
        if stages and stages[-1][0].stage == row.stage:
            stages[-1].append(row)
        else:
            stages.append([row])
    picture_height, base = 270, 140
    bars = [[8 + 26 * (row.out_shape[0] / widest) ** 0.5 for row in stage] for stage in stages]
    spans = [max(sum(widths) + 6 * (len(widths) - 1), 84) for widths in bars]
    picture = _paper(24 + sum(spans) + 22 * len(spans), picture_height)
    _text(picture, title, 16, 26, 17, bold=True, anchor="start")
    x = 24.0
    for stage, widths, span in zip(stages, bars, spans, strict=True):
        at = x + (span - sum(widths) - 6 * (len(widths) - 1)) / 2
        for row, bar in zip(stage, widths, strict=True):
            size = row.out_shape[1] if len(row.out_shape) == 3 else 1
            tall = 10 + 130 * size / tallest
            picture.append(
                svg.Rectangle(
                    at, base - tall / 2, bar, tall, rx=2, fill=FILLS["Conv2d"], stroke=BLUE
                )
            )
            at += bar + 6
        _text(picture, stage[0].stage, x + span / 2, base + 92, 14, bold=True)
        _text(picture, by(stage[-1].out_shape), x + span / 2, base + 112, 12, SOFT)
        x += span + 22
    shapes = ", ".join(f"{stage[0].stage} {by(stage[-1].out_shape)}" for stage in stages)
    alt = f"{title} as a row of bars: the maps get smaller and the channels more. {shapes}."
    return Svg(_finish(picture, title, alt), alt)


def function_classes() -> Svg:
    """Draw two kinds of growing model families: one that moves away, one that contains the last."""
    picture = _paper(860, 300)
    alt = (
        "Left, not nested: three overlapping areas of growing size wander off, and the largest is "
        "farther from the star than the smallest. Right, nested: three areas lie inside each "
        "other, and the largest comes closest to the star."
    )
    colours = (BLUE, GREEN, ORANGE)
    for x0, heading, ovals in (
        (20, "not nested", ((165, 150, 62), (115, 145, 82), (110, 190, 100))),
        (440, "nested", ((185, 165, 55), (175, 165, 92), (185, 165, 130))),
    ):
        _text(picture, heading, x0 + 10, 34, 17, bold=True, anchor="start")
        for i, ((cx, cy, r), colour) in reversed(
            list(enumerate(zip(ovals, colours, strict=True), start=1))
        ):
            picture.append(
                svg.Ellipse(
                    x0 + cx,
                    cy,
                    r * 1.05,
                    r * 0.8,
                    fill=colour,
                    fill_opacity=0.16,
                    stroke=colour,
                    stroke_width=2,
                )
            )
            label_y = cy + (r * 0.8 - 9 if heading == "nested" else (6, -34, 54)[i - 1])
            _text(picture, f"F{'₁₂₃'[i - 1]}", x0 + cx, label_y, 15, bold=True)
        _text(picture, "★", x0 + 315, 96, 28, RED)
        _text(picture, "the best function", x0 + 330, 70, 13, SOFT)
    return Svg(_finish(picture, "Nested function classes", alt), alt)


def windows(size: int, kernel: int, stride: int, padding: int) -> Svg:
    """Draw one line of pixels and, above it, every window that a convolution places on it.

    Padding is dashed, the middle of each window is marked, pixels that no window reads are crossed
    out.

    Args:
        size: pixels in the line, 16 at most.
        kernel: pixels in a window.
        stride: step from one window to the next.
        padding: zeros added at each end.

    Raises:
        ValueError: if the line is too long to draw, or the window does not fit.
    """
    cells = size + 2 * padding
    if size > 16 or kernel > cells:
        raise ValueError(
            f"can draw up to 16 pixels and a window that fits, got size={size} and kernel={kernel}."
        )
    starts = range(0, cells - kernel + 1, stride)
    read = {start + i for start in starts for i in range(kernel)}
    cell, left, lane = 46, 24, 26
    base = 56 + lane * len(starts)
    picture = _paper(max(left * 2 + cell * cells, 520), base + 108)
    _text(
        picture,
        f"{size} pixels, kernel {kernel}, stride {stride}, padding {padding}"
        f" → {len(starts)} windows",
        left,
        28,
        17,
        bold=True,
        anchor="start",
    )
    for i, start in enumerate(starts):
        x, y = left + cell * start, 48 + lane * i
        picture.append(
            svg.Rectangle(x + 3, y, cell * kernel - 6, 18, rx=5, fill=FILLS["Conv2d"], stroke=BLUE)
        )
        picture.append(svg.Circle(x + cell * kernel / 2, y + 9, 5, fill=ORANGE))
        _text(picture, str(i), x + 14, y + 14, 12, SOFT)
    for i in range(cells):
        x, padded = left + cell * i, not padding <= i < size + padding
        picture.append(
            svg.Rectangle(
                x + 2,
                base,
                cell - 4,
                cell - 4,
                rx=4,
                fill=PAPER if padded else GREY,
                stroke=SOFT,
                stroke_dasharray="4 3" if padded else None,
            )
        )
        _text(picture, "0" if padded else f"p{i - padding}", x + cell / 2, base + 27, 14)
        if i not in read:
            for y1, y2 in ((base + 4, base + cell - 8), (base + cell - 8, base + 4)):
                picture.append(svg.Line(x + 6, y1, x + cell - 6, y2, stroke=RED, stroke_width=2.5))
    _text(
        picture,
        "dashed: padding · dot: middle of a window · crossed out: read by no window",
        left,
        base + 76,
        13,
        SOFT,
        anchor="start",
    )
    left_out = [
        "a padding zero" if not padding <= i < size + padding else f"pixel p{i - padding}"
        for i in range(cells)
        if i not in read
    ]
    alt = (
        f"A line of {size} pixels with {padding} zeros at each end. Each window covers {kernel} "
        f"cells and starts {stride} after the one before; {len(starts)} fit. "
        f"Read by no window: {', '.join(left_out) or 'nothing'}."
    )
    return Svg(_finish(picture, "The windows of a convolution", alt), alt)


def _layer_box(picture: svg.Drawing, row: LayerRow, x: float, y: float, width: float) -> None:
    picture.append(
        svg.Rectangle(
            x, y, width, 68, rx=8, fill=FILLS.get(row.kind, GREY), stroke=INK, stroke_width=1.2
        )
    )
    details = _details(row)
    _text(picture, _kind(row), x + width / 2, y + (24 if details else 39), 14, bold=True)
    for i, line in enumerate(details):
        _text(picture, line, x + width / 2, y + 43 + 16 * i, 12)


def _shortcut(
    picture: svg.Drawing, side: Sequence[LayerRow], start: float, end: float, middle: float
) -> None:
    dash = "8 5" if side else None
    path = svg.Path(stroke=ORANGE, stroke_width=3, fill="none", stroke_dasharray=dash)
    path.M(start, middle).L(start, 84).Q(start, 70, start + 14, 70)
    path.L(end - 14, 70).Q(end, 70, end, 84).L(end, middle - 30)
    picture.append(path)
    _arrow(picture, end, middle - 30, end, middle - 21, ORANGE)
    label = " → ".join(_name(row) for row in side) if side else "identity: the input itself"
    width = 8.2 * len(label) + 30
    x = (start + end - width) / 2
    picture.append(svg.Rectangle(x, 54, width, 32, rx=8, fill="#fff3ea", stroke=ORANGE))
    _text(picture, label, x + width / 2, 75, 14)


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


def _paper(width: float, height: float) -> svg.Drawing:
    picture = svg.Drawing(round(width), round(height), id_prefix="p")
    picture.append(svg.Rectangle(0, 0, "100%", "100%", rx=10, fill=PAPER))
    return picture


def _finish(picture: svg.Drawing, title: str, alt: str) -> str:
    picture.elements.insert(0, svg.Title(title))
    picture.elements.insert(1, svg.Raw(f"<desc>{html.escape(alt)}</desc>"))
    return picture.as_svg()


def _text(
    picture: svg.Drawing,
    text: str,
    x: float,
    y: float,
    size: float,
    colour: str = INK,
    *,
    bold: bool = False,
    anchor: str = "middle",
) -> None:
    picture.append(
        svg.Text(
            text,
            size,
            x,
            y,
            fill=colour,
            font_family=FONT,
            text_anchor=anchor,
            font_weight="bold" if bold else "normal",
        )
    )


def _line(picture: svg.Drawing, x1: float, y1: float, x2: float, y2: float) -> None:
    picture.append(svg.Line(x1, y1, x2, y2, stroke=INK, stroke_width=2))


def _arrow(
    picture: svg.Drawing, x1: float, y1: float, x2: float, y2: float, colour: str = INK
) -> None:
    """Draw a straight arrow, to the right or down."""
    picture.append(svg.Line(x1, y1, x2, y2, stroke=colour, stroke_width=2))
    if y1 == y2:
        head = (x2, y2, x2 - 9, y2 - 5, x2 - 9, y2 + 5)
    else:
        head = (x2, y2, x2 - 6, y2 - 10, x2 + 6, y2 - 10)
    picture.append(svg.Lines(*head, close=True, fill=colour))
