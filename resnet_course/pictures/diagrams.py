"""SVG pictures of ideas that are not a network: functions, windows, paths."""

from __future__ import annotations

from collections.abc import Sequence

import drawsvg as svg

from resnet_course.blocks import check_sizes, is_whole
from resnet_course.pictures.canvas import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PAPER,
    RED,
    SKY,
    SOFT,
    arrow,
    finish,
    line,
    paper,
    text,
)
from resnet_course.pictures.described import Svg
from resnet_course.pictures.style import check_drawable


def function_classes() -> Svg:
    """Draw two kinds of growing model families: one that moves away, one that contains the last."""
    picture = paper(860, 300)
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
        text(picture, heading, x0 + 10, 34, 17, bold=True, anchor="start")
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
            text(picture, f"F{'₁₂₃'[i - 1]}", x0 + cx, label_y, 15, bold=True)
        text(picture, "★", x0 + 315, 96, 28, RED)
        text(picture, "the best function", x0 + 330, 70, 13, SOFT)
    return finish(picture, "Nested function classes", alt)


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
        ValueError: if the line is too long to draw, the window does not fit, or a number is none.
    """
    check_sizes(size=size, kernel=kernel, stride=stride)
    if not is_whole(padding, 0):
        raise ValueError(f"padding must be a whole number from 0 up, got {padding!r}.")
    cells = size + 2 * padding
    if size > 16 or kernel > cells:
        raise ValueError(
            f"can draw up to 16 pixels and a window that fits, got size={size} and kernel={kernel}."
        )
    starts = range(0, cells - kernel + 1, stride)
    read = {start + i for start in starts for i in range(kernel)}
    cell, left, lane = 46, 24, 26
    base = 56 + lane * len(starts)
    picture = paper(max(left * 2 + cell * cells, 580), base + 108)
    text(
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
        picture.append(svg.Rectangle(x + 3, y, cell * kernel - 6, 18, rx=5, fill=SKY, stroke=BLUE))
        picture.append(svg.Circle(x + cell * kernel / 2, y + 9, 5, fill=ORANGE))
        text(picture, str(i), x + 14, y + 14, 12, SOFT)
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
        text(picture, "0" if padded else f"p{i - padding}", x + cell / 2, base + 27, 14)
        if i not in read:
            for y1, y2 in ((base + 4, base + cell - 8), (base + cell - 8, base + 4)):
                picture.append(svg.Line(x + 6, y1, x + cell - 6, y2, stroke=RED, stroke_width=1.5))
    left_out = [
        f"the zero at the {'left' if i < padding else 'right'} end"
        if not padding <= i < size + padding
        else f"pixel p{i - padding}"
        for i in range(cells)
        if i not in read
    ]
    legend = ["dashed: padding"] * (padding > 0) + ["dot: middle of a window"]
    legend += ["crossed out: read by no window"] * bool(left_out)
    text(picture, " · ".join(legend), left, base + 76, 13, SOFT, anchor="start")
    alt = (
        f"A line of {size} pixels, padding {padding} at each end. With kernel {kernel} and stride "
        f"{stride}, {len(starts)} windows fit; each is a bar above the cells that it reads. "
        f"Read by no window: {', '.join(left_out) or 'nothing'}."
    )
    return finish(picture, "The windows of a convolution", alt)


def paths(
    title: str,
    given: str,
    routes: Sequence[Sequence[str]],
    joint: str,
    result: str,
    after: Sequence[str] = (),
) -> Svg:
    """Draw a block whose input takes several paths, side by side, that are joined at the end.

    Args:
        title: name of the block, shown in the corner.
        given: what goes in, "192 channels".
        routes: the layers of each path, from above; an empty path carries the input itself.
        joint: how the paths are joined: "+" is drawn as a circle, any other word as a bar.
        result: what comes out.
        after: layers behind the joint.

    Raises:
        ValueError: there is no path.
    """
    check_drawable(routes=routes)
    pitch, box, lane, left = 168, 144, 58, 152
    top = 74
    longest = max(map(len, routes))
    meet = left + pitch * max(longest, 1) + 34
    end = meet + 40 + pitch * len(after)
    bottom = top + lane * (len(routes) - 1)
    middle = (top + bottom) / 2
    picture = paper(end + 150, bottom + 50)
    text(picture, title, 16, 30, 17, bold=True, anchor="start")
    text(picture, given, 66, middle + 5, 14, bold=True)
    arrow(picture, 120, middle, 136, middle)
    line(picture, 136, top, 136, bottom)
    for i, layers in enumerate(routes):
        y = top + lane * i
        colour = INK if layers else ORANGE
        if joint == "+":
            picture.append(svg.Line(136, y, meet, y, stroke=colour, stroke_width=2))
        else:
            arrow(picture, 136, y, meet - 12, y, colour)
        if not layers:
            text(picture, "the input itself", (left + meet) / 2, y - 8, 13, SOFT)
        for j, words in enumerate(layers):
            _box(picture, words, left + pitch * j, y, box)
    if joint == "+":
        line(picture, meet, top, meet, bottom)
        picture.append(svg.Circle(meet, middle, 18, fill="#fde3d2", stroke=ORANGE))
        text(picture, "+", meet, middle + 8, 24, bold=True)
    else:
        picture.append(
            svg.Rectangle(
                meet - 12, top - 22, 24, bottom - top + 44, rx=8, fill="#fde3d2", stroke=ORANGE
            )
        )
        text(picture, joint, meet, bottom + 40, 14, bold=True)
    line(picture, meet + (18 if joint == "+" else 12), middle, end + 8, middle)
    for j, words in enumerate(after):
        _box(picture, words, meet + 34 + pitch * j, middle, box)
    arrow(picture, end + 8, middle, end + 22, middle)
    text(picture, result, end + 84, middle + 5, 14, bold=True)
    told = "; ".join(" → ".join(layers) if layers else "the input itself" for layers in routes)
    behind = f" then {' → '.join(after)}," if after else ""
    alt = (
        f"{title}: {given} go into {len(routes)} paths: {told}. "
        f"They are joined by {joint},{behind} {result} come out."
    )
    return finish(picture, title, alt)


def _box(picture: svg.Drawing, words: str, x: float, y: float, width: float) -> None:
    picture.append(
        svg.Rectangle(x, y - 20, width, 40, rx=8, fill=SKY, stroke=INK, stroke_width=1.2)
    )
    text(picture, words, x + width / 2, y + 5, 13.5, bold=True)
