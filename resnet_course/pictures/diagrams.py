"""SVG pictures of ideas that are not a network: windows, paths."""

from __future__ import annotations

from collections.abc import Sequence

from resnet_course.blocks import check_sizes, is_whole
from resnet_course.pictures.canvas import BLUE, GREY, INK, ORANGE, PAPER, RED, SKY, SOFT, Paper
from resnet_course.pictures.described import Svg
from resnet_course.pictures.style import check_drawable


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
    picture = Paper(max(left * 2 + cell * cells, 580), base + 108)
    heading = f"{size} pixels, kernel {kernel}, stride {stride}, padding {padding}"
    heading += f" → {len(starts)} windows"
    picture.text(heading, left, 28, 17, bold=True, anchor="start")
    for i, start in enumerate(starts):
        x, y = left + cell * start, 48 + lane * i
        picture.rectangle(x + 3, y, cell * kernel - 6, 18, rx=5, fill=SKY, stroke=BLUE)
        picture.circle(x + cell * kernel / 2, y + 9, 5, fill=ORANGE)
        picture.text(str(i), x + 14, y + 14, 12, SOFT)
    left_out = []
    for i in range(cells):
        x, label = left + cell * i, f"p{i - padding}"
        name, fill, dash = f"pixel {label}", GREY, None
        if not padding <= i < size + padding:
            name = f"the zero at the {'left' if i < padding else 'right'} end"
            label, fill, dash = "0", PAPER, "4 3"
        look = {"fill": fill, "stroke": SOFT, "stroke_dasharray": dash}
        picture.rectangle(x + 2, base, cell - 4, cell - 4, rx=4, **look)
        picture.text(label, x + cell / 2, base + 27, 14)
        if i not in read:
            left_out.append(name)
            for y1, y2 in ((base + 4, base + cell - 8), (base + cell - 8, base + 4)):
                picture.line(x + 6, y1, x + cell - 6, y2, stroke=RED, stroke_width=1.5)
    legend = ["dashed: padding"] * (padding > 0) + ["dot: middle of a window"]
    legend += ["crossed out: read by no window"] * bool(left_out)
    picture.text(" · ".join(legend), left, base + 76, 13, SOFT, anchor="start")
    alt = (
        f"A line of {size} pixels, padding {padding} at each end. With kernel {kernel} and stride "
        f"{stride}, {len(starts)} windows fit; each is a bar above the cells that it reads. "
        f"Read by no window: {', '.join(left_out) or 'nothing'}."
    )
    return picture.finish("The windows of a convolution", alt)


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
    pitch, box, lane, left, top = 168, 144, 58, 152, 74
    longest = max(map(len, routes))
    meet = left + pitch * max(longest, 1) + 34
    end = meet + 40 + pitch * len(after)
    bottom = top + lane * (len(routes) - 1)
    middle = (top + bottom) / 2
    picture = Paper(end + 150, bottom + 50)
    picture.text(title, 16, 30, 17, bold=True, anchor="start")
    picture.text(given, 66, middle + 5, 14, bold=True)
    picture.arrow(120, middle, 136, middle)
    picture.line(136, top, 136, bottom)
    for i, layers in enumerate(routes):
        y = top + lane * i
        colour = INK if layers else ORANGE
        if joint == "+":
            picture.line(136, y, meet, y, stroke=colour)
        else:
            picture.arrow(136, y, meet - 12, y, colour)
        if not layers:
            picture.text("the input itself", (left + meet) / 2, y - 8, 13, SOFT)
        for j, words in enumerate(layers):
            _box(picture, words, left + pitch * j, y, box)
    if joint == "+":
        picture.line(meet, top, meet, bottom)
        picture.circle(meet, middle, 18, fill="#fde3d2", stroke=ORANGE)
        picture.text("+", meet, middle + 8, 24, bold=True)
    else:
        picture.rectangle(
            meet - 12, top - 22, 24, bottom - top + 44, rx=8, fill="#fde3d2", stroke=ORANGE
        )
        picture.text(joint, meet, bottom + 40, 14, bold=True)
    picture.line(meet + (18 if joint == "+" else 12), middle, end + 8, middle)
    for j, words in enumerate(after):
        _box(picture, words, meet + 34 + pitch * j, middle, box)
    picture.arrow(end + 8, middle, end + 22, middle)
    picture.text(result, end + 84, middle + 5, 14, bold=True)
    told = "; ".join(" → ".join(layers) if layers else "the input itself" for layers in routes)
    behind = f" then {' → '.join(after)}," if after else ""
    alt = (
        f"{title}: {given} go into {len(routes)} paths: {told}. "
        f"They are joined by {joint},{behind} {result} come out."
    )
    return picture.finish(title, alt)


def _box(picture: Paper, words: str, x: float, y: float, width: float) -> None:
    picture.rectangle(x, y - 20, width, 40, rx=8, fill=SKY, stroke=INK, stroke_width=1.2)
    picture.text(words, x + width / 2, y + 5, 13.5, bold=True)
