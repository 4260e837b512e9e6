"""SVG drawing of one block: its layers in a row, its shortcut as an arc above, what it costs below.

All of it fits a page with letters that can be read, so boxes are as narrow as their words.
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

import drawsvg as svg

from resnet_course.pictures.block_words import Joint, details, in_words, kind_name, layer_name
from resnet_course.pictures.canvas import BLUE, GREY, INK, ORANGE, RED, SKY, SOFT, WIDEST, Paper
from resnet_course.pictures.described import Svg
from resnet_course.pictures.style import check_drawable
from resnet_course.tracing.rows import LayerRow, Trace, by
from resnet_course.tracing.steps import UNUSED

FILLS = {"Conv2d": SKY, "BatchNorm2d": "#e9eef4", "ReLU": "#d5efe6", "add": "#fde3d2"}
SIDE, MIDDLE, TALL = 104, 152, 76  # room for the shape at each end; of the boxes
PLUS = 40  # width of the circle
SMALL = 12  # letters; no others are smaller
BROWN = "#9A4A00"  # orange letters would be too pale


def block(
    trace: Trace,
    title: str,
    hide: Sequence[str] = (),
    *,
    joint: Joint | None = None,
    costs: bool = False,
    note: str = "",
) -> Svg:
    """Draw one residual (or plain) block: its layers in a row, its shortcut as an arc above.

    A solid arc is the input itself, a dashed arc passes layers of its own.

    Args:
        trace: of one block.
        title: its name, shown in the corner.
        hide: kinds of layers to leave out, such as ["BatchNorm2d"].
        joint: what becomes of the addition; without it, what the trace says.
        costs: write parameters and multiply-adds below each layer, and the sums of the whole
            block, with the layers that are left out.
        note: one more sentence, below.

    Raises:
        ValueError: this is no trace, or nothing in it can be drawn.
    """
    main, side = parts(trace, hide)
    joint = joint or Joint()
    placed, width = places(main)
    reasons = [line for words in (joint.why, note) for line in wrap(words, int(width / 8.2))]
    below = MIDDLE + TALL / 2 + (96 if costs else 36)
    picture = Paper(width, below + 22 * len(reasons) + (8 if reasons else 0))
    picture.text(title, 16, 26, 17, bold=True, anchor="start")
    _ends(picture, placed, width, joint)
    shape = main[0].in_shape
    for row, x in placed:
        if row.kind == "add":
            _plus(picture, x, joint)
        else:
            _box(picture, row, x)
        if row.out_shape != shape:
            picture.text(f"now {by(row.out_shape)}", x, MIDDLE + 58, 13, BLUE, bold=True)
            shape = row.out_shape
    at = next((x for row, x in placed if row.kind == "add"), None)
    # A sum of paths that are equally long has none; a part of a trace does not know.
    has_shortcut = bool(trace.shortcuts) or not trace.edges or joint.kind != "added"
    if at is not None and joint.kind != "absent" and has_shortcut:
        _arc(picture, side, at, joint, costs)
    paths = ("main", "shortcut") if joint.kind == "added" else ("main",)
    params, macs = _sums([r for r in trace if r.path in paths and r.kind != UNUSED])
    if costs:
        _costs(picture, placed, (params, macs), width, joint)
    for i, words in enumerate(reasons):
        picture.text(words, 16, below + 6 + 22 * i, 14, anchor="start")
    alt = in_words(main, side, title, joint, has_shortcut)
    if costs and joint.kind != "refused":
        alt += f" {params:,} parameters, {macs:,} multiply-adds."
    return picture.finish(title, f"{alt} {note}".rstrip())


def parts(trace: Trace, hide: Sequence[str] = ()) -> tuple[list[LayerRow], list[LayerRow]]:
    """Return the rows of the main path and those of the shortcut that can be drawn.

    Raises:
        ValueError: this is no trace, or nothing in it can be drawn.
    """
    check_trace(trace)
    hide = [*hide, UNUSED]
    main = [row for row in trace if row.path == "main" and row.kind not in hide]
    check_drawable(trace=main)
    # These do nothing (only an empty Sequential has a row): the shortcut still carries the input.
    hide = [*hide, "Identity", "Sequential"]
    return main, [row for row in trace if row.path == "shortcut" and row.kind not in hide]


def check_trace(trace: object) -> None:
    """Raise a ValueError if this is no `Trace`."""
    if not isinstance(trace, Trace):
        raise ValueError(
            f"trace must be a Trace, got {type(trace).__name__}: trace(model, shape) makes one."
        )


def places(main: Sequence[LayerRow]) -> tuple[list[tuple[LayerRow, float]], float]:
    """Return each layer of the main path with its middle, and the width of the picture."""
    widths = [_width(row) for row in main]
    room = (WIDEST - 2 * SIDE - sum(widths)) / (len(main) + 1)
    gap = min(max(room, 12), 40)
    ends = [SIDE + gap * (i + 1) + sum(widths[: i + 1]) for i in range(len(main))]
    centres = [end - width / 2 for end, width in zip(ends, widths, strict=True)]
    return list(zip(main, centres, strict=True)), round(ends[-1] + gap + SIDE)


def plus_place(trace: Trace) -> tuple[float, float, float]:
    """Return x and y of a point just below the + of a drawn block, and the width of the picture."""
    main, _ = parts(trace)
    placed, width = places(main)
    x = next(x for row, x in placed if row.kind == "add")
    return x, MIDDLE + TALL / 2 + 4, width


def _sums(rows: Sequence[LayerRow]) -> tuple[int, int]:
    """Return all parameters and all multiply-adds."""
    return sum(row.params for row in rows), sum(row.macs for row in rows)


def _ends(
    picture: Paper, placed: Sequence[tuple[LayerRow, float]], width: float, joint: Joint
) -> None:
    """Draw the wire through the block, and what goes in and comes out."""
    (first, _), (last, _) = placed[0], placed[-1]
    out = "?" if joint.kind == "refused" else by(last.out_shape)
    sides = ((8, by(first.in_shape), "in", "start"), (width - 8, out, "out", "end"))
    for x, shape, word, anchor in sides:
        size = 14 if len(shape) < 10 else 13 if len(shape) < 11 else SMALL
        ink = RED if shape == "?" else INK
        picture.text(shape, x, MIDDLE + 6, size, ink, bold=True, anchor=anchor)
        picture.text(word, x, MIDDLE + 24, SMALL, SOFT, anchor=anchor)
    picture.arrow(SIDE - 2, MIDDLE, width - SIDE, MIDDLE)
    for row, x in placed:
        left = x - _width(row) / 2
        picture.arrow(left - 10, MIDDLE, left, MIDDLE)


def _width(row: LayerRow) -> float:
    if row.kind == "add":
        return PLUS
    title, details = _lines(row)
    return max([40, *(8.4 * len(line) + 8 for line in title), *(7 * len(d) + 8 for d in details)])


def _lines(row: LayerRow) -> tuple[list[str], list[str]]:
    """Return the words of a box: its kind, and its details."""
    kind = kind_name(row).split() if row.kind == "BatchNorm2d" else [kind_name(row)]
    return kind, [words for each in details(row) for words in each.split(", ")]


def _box(picture: Paper, row: LayerRow, x: float) -> None:
    width, (title, details) = _width(row), _lines(row)
    fill = FILLS.get(row.kind, GREY)
    look = {"rx": 8, "fill": fill, "stroke": INK, "stroke_width": 1.2}
    picture.rectangle(x - width / 2, MIDDLE - TALL / 2, width, TALL, **look)
    lines = [*((words, 13, True) for words in title), *((words, SMALL, False) for words in details)]
    first = MIDDLE + 5 - 8 * (len(lines) - 1)
    for i, (words, size, bold) in enumerate(lines):
        picture.text(words, x, first + 16 * i, size, bold=bold)


def _plus(picture: Paper, x: float, joint: Joint) -> None:
    looks = {
        "added": {"fill": FILLS["add"], "stroke": ORANGE},
        "absent": {"fill": "none", "stroke": SOFT, "stroke_dasharray": "3 4"},
        "refused": {"fill": "#ffffff", "stroke": RED, "stroke_width": 2.5},
    }
    picture.circle(x, MIDDLE, PLUS / 2, **looks[joint.kind])
    if joint.kind == "absent":
        picture.line(x - PLUS / 2, MIDDLE, x + PLUS / 2, MIDDLE)
        return
    refused = joint.kind == "refused"
    picture.text("+", x, MIDDLE + 8, 24, RED if refused else INK, bold=True)
    if refused:
        picture.line(x - 14, MIDDLE + 14, x + 14, MIDDLE - 14, stroke=RED)


def _arc(picture: Paper, side: Sequence[LayerRow], end: float, joint: Joint, costs: bool) -> None:
    refused = joint.kind == "refused"
    colour, dash = (RED if refused else ORANGE), ("8 5" if side and not refused else None)
    top = MIDDLE - PLUS / 2
    path = svg.Path(stroke=colour, stroke_width=3, fill="none", stroke_dasharray=dash)
    path.M(SIDE, MIDDLE).L(SIDE, 84).Q(SIDE, 70, SIDE + 14, 70)
    path.L(end - 14, 70).Q(end, 70, end, 84).L(end, top - 10)
    picture.append(path)
    picture.arrow(end, top - 10, end, top - 1, colour)
    label = " → ".join(layer_name(row) for row in side) if side else "identity: the input itself"
    if refused:
        label = f"the shortcut brings {by(joint.brings)}"
        branch = f"the branch gives {by(joint.gives)}"
        picture.text(branch, end - 12, 106, 13, RED, bold=True, anchor="end")
    width = 8.6 * len(label) + 30
    x = (SIDE + end - width) / 2
    fill = "#fff0f0" if refused else "#fff3ea"
    picture.rectangle(x, 54, width, 32, rx=8, fill=fill, stroke=colour)
    picture.text(label, x + width / 2, 75, 14, RED if refused else INK, bold=refused)
    params, macs = _sums(side)
    if costs and params and not refused:
        words = f"{params:,} parameters, {macs:,} multiply-adds"
        picture.text(words, x + width / 2, 104, SMALL, BROWN)


def _costs(
    picture: Paper,
    placed: Sequence[tuple[LayerRow, float]],
    sums: Sequence[int],
    width: float,
    joint: Joint,
) -> None:
    """Write what each layer of the main path costs below it, and the sums of the block."""
    y = MIDDLE + TALL / 2 + 56
    whole = "the branch" if joint.kind == "refused" else "in all"
    picture.text(whole, width - 8, y - 18, SMALL, SOFT, anchor="end")
    names = (("parameters", "params"), ("multiply-adds", "macs"))
    for (words, name), together in zip(names, sums, strict=True):
        picture.text(words, 8, y, SMALL, SOFT, anchor="start")
        for row, x in placed:
            if number := getattr(row, name):
                picture.text(f"{number:,}", x, y, SMALL)
        picture.text(f"{together:,}", width - 8, y, SMALL, bold=True, anchor="end")
        y += 20
