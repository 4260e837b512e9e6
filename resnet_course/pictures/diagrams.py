"""SVG pictures of ideas that are not a network: windows, blocks of several paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resnet_course.blocks import check_sizes, is_whole
from resnet_course.pictures.canvas import BLUE, GREY, INK, ORANGE, PAPER, RED, SKY, SOFT, Paper
from resnet_course.pictures.described import Svg
from resnet_course.pictures.style import check_drawable


def windows(size: int, kernel: int, stride: int, padding: int) -> Svg:
    """Draw a line of up to 16 pixels and, above it, every window that a convolution places on it.

    Padding, zeros at each end, is dashed, the middle of each window is marked, pixels that no
    window reads are crossed out.

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


COLUMN, ROW = 106, 64  # from one path to the next, from one layer to the next
BOX = (94, 44)


@dataclass(frozen=True)
class ParallelPaths:
    """A block whose input takes several paths, side by side, that are joined at the end.

    Attributes:
        name: of the block.
        given: what goes in, "192 channels".
        routes: the layers of each path, in their order; a comma begins a second line, as in
            "1×1, 192→64". An empty path carries the input itself.
        joint: how the paths are joined: "+" is drawn as a circle, any other word as a bar.
        result: what comes out.
        after: layers behind the joint.
    """

    name: str
    given: str
    routes: Sequence[Sequence[str]]
    joint: str
    result: str
    after: Sequence[str] = ()

    @property
    def width(self) -> float:
        """Room for the paths, and for the name above them."""
        return max(COLUMN * len(self.routes), 8.6 * len(self.name), 8 * len(self.given))

    @property
    def words(self) -> str:
        """The block as a sentence."""
        told = "; ".join(" → ".join(each) if each else "the input itself" for each in self.routes)
        behind = f" then {' → '.join(self.after)}," if self.after else ""
        return (
            f"{self.name}: {self.given} go into {len(self.routes)} paths: {told}. "
            f"They are joined by {self.joint},{behind} {self.result} come out."
        )


def paths(title: str, blocks: Sequence[ParallelPaths]) -> Svg:
    """Draw blocks of several paths beside each other, each from above: split, transform, merge.

    Raises:
        ValueError: there is no block, or one has no path.
    """
    check_drawable(blocks=blocks)
    for each in blocks:
        check_drawable(routes=each.routes)
    left, gap, split = 96, 40, 108
    meet = split + 18 + ROW * max(len(route) for each in blocks for route in each.routes) + 10
    end = meet + 44 + ROW * max(len(each.after) for each in blocks)
    width = max(left + sum(each.width + gap for each in blocks), 32 + 10 * len(title))
    picture = Paper(width, end + 46)
    picture.text(title, 16, 30, 17, bold=True, anchor="start")
    for word, y in (("split", split), ("transform", (split + meet) / 2), ("merge", meet)):
        picture.text(word, 16, y + 5, 14, SOFT, anchor="start")
    x = float(left)
    for each in blocks:
        _paths(picture, each, x + each.width / 2, split, meet, end)
        x += each.width + gap
    return picture.finish(title, " ".join(each.words for each in blocks))


def _paths(
    picture: Paper, block: ParallelPaths, middle: float, split: float, meet: float, end: float
) -> None:
    joint = {"fill": "#fde3d2", "stroke": ORANGE}
    columns = [
        middle + COLUMN * (i - (len(block.routes) - 1) / 2) for i in range(len(block.routes))
    ]
    picture.text(block.name, middle, 62, 15, bold=True)
    picture.text(block.given, middle, 86, 14)
    picture.line(middle, 92, middle, split)
    picture.line(columns[0], split, columns[-1], split)
    for x, layers in zip(columns, block.routes, strict=True):
        colour = INK if layers else ORANGE
        if block.joint == "+":
            picture.line(x, split, x, meet, stroke=colour)
        else:
            picture.arrow(x, split, x, meet - 14, colour)
        for j, words in enumerate(layers):
            _box(picture, words, x, split + 18 + ROW * j)
        if not layers:
            picture.rectangle(x - 34, (split + meet) / 2 - 24, 68, 44, fill=PAPER)
            picture.text("the input", x, (split + meet) / 2 - 6, 13, SOFT)
            picture.text("itself", x, (split + meet) / 2 + 12, 13, SOFT)
    if block.joint == "+":
        picture.line(columns[0], meet, columns[-1], meet)
        picture.circle(middle, meet, 18, **joint)
        picture.text("+", middle, meet + 8, 24, bold=True)
    else:
        bar = COLUMN * (len(columns) - 1) + BOX[0]
        picture.rectangle(middle - bar / 2, meet - 13, bar, 26, rx=8, **joint)
        picture.text(block.joint, middle, meet + 5, 14, bold=True)
    picture.arrow(middle, meet + (18 if block.joint == "+" else 13), middle, end + 12)
    for j, words in enumerate(block.after):
        _box(picture, words, middle, meet + 32 + ROW * j)
    picture.text(block.result, middle, end + 30, 14)


def _box(picture: Paper, words: str, x: float, y: float) -> None:
    """Draw a layer with its upper edge at y."""
    width, height = BOX
    picture.rectangle(x - width / 2, y, width, height, rx=8, fill=SKY, stroke=INK, stroke_width=1.2)
    lines = words.split(", ", 1)
    for i, line in enumerate(lines):
        at = y + height / 2 + 5 + 17 * (i - (len(lines) - 1) / 2)
        picture.text(line, x, at, 13, bold=i == 0)
