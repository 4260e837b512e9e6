"""One layer close up: input volume → operation → output volume, to scale, with its numbers."""

from __future__ import annotations

from textwrap import wrap

from resnet_course.pictures.canvas import BLUE, INK, ORANGE, RED, SKY, SOFT, Group
from resnet_course.tracing.arithmetic import Sum, dropped_pixels, in_bytes, memory, sums
from resnet_course.tracing.rows import LayerRow, Trace, by

FACE, DEPTH = 118.0, 46.0  # the largest front and the largest depth of a volume, in the picture
MIDDLE = 340.0
# Is a pixel read by the first of two neighbouring windows, and by the second? Red: by neither.
WINDOWS = {
    (True, True): "#6aaee0",
    (True, False): SKY,
    (False, True): "#bfe6d9",
    (False, False): "#f3c9c2",
}
WORDS = {
    "Conv2d": "convolution",
    "BatchNorm2d": "batch norm",
    "MaxPool2d": "max pooling",
    "AdaptiveAvgPool2d": "average of all pixels",
    "add": "addition",
    "Linear": "linear layer",
    "flatten": "flatten",
    "ZeroPadShortcut": "skip pixels, add zeros",
}
PURPOSE = {
    "BatchNorm2d": ["every channel: mean 0,", "standard deviation 1"],
    "ReLU": ["replaces negative numbers by 0"],
    "add": ["branch + shortcut,", "number by number"],
    "flatten": ["the same numbers in one row"],
    "ZeroPadShortcut": ["no parameters"],
}


def draw_layer(trace: Trace, row: LayerRow, index: int) -> Group:
    """Draw one row of a trace close up, or several joined into one; `index` is that of the last."""
    picture = Group()
    picture.text(row.name, 24, 231, 19, bold=True, anchor="start")
    place, colour = f"layer {index + 1} of {len(trace)}", SOFT
    if row.path == "shortcut":
        place, colour = f"{place} · on the shortcut", ORANGE
    picture.text(place, 24, 251, 13, colour, anchor="start")
    _volume(picture, row, "in", 110, SKY)
    picture.arrow(196, MIDDLE, 226, MIDDLE, BLUE)
    _operation(picture, row)
    picture.arrow(402, MIDDLE, 432, MIDDLE, BLUE)
    _volume(picture, row, "out", 512, "#bfe6d9")
    _numbers(picture, trace, row, index)
    _shortcut_lane(picture, trace, index)
    return picture


def _volume(picture: Group, row: LayerRow, label: str, x: float, fill: str) -> None:
    """Draw what goes "in" or comes "out", its front centred at x; dropped pixels in red."""
    # Small maps behind a large picture would be dots: the larger of the two fills its place.
    largest = max(s[-2] for s in (row.in_shape, row.out_shape, (1, 1, 1)) if len(s) > 2)
    shape = (row.in_shape if label == "in" else row.out_shape) or (1,)  # one number per picture
    height, width = shape[-2:] if len(shape) > 2 else (1, 1)
    tall, wide = max(FACE * height / largest, 3), max(FACE * width / largest, 3)
    # The depth grows with the square root of the channels, else 2048 would need a second screen.
    deep = min(DEPTH * (shape[0] / 2048) ** 0.5 + 3, DEPTH + 3)
    left, top = x - wide / 2 - deep / 3, MIDDLE - tall / 2 + deep / 4
    dx, dy = deep * 0.8, -deep * 0.5
    stroke = {"stroke": INK, "stroke_width": 1.1, "stroke_linejoin": "round"}
    picture.rectangle(left, top, wide, tall, fill=fill, **stroke)
    right, back = left + wide, top + dy
    behind = (left + dx, back, left + dx + wide, back)
    picture.polygon(left, top, *behind, right, top, fill=fill, fill_opacity=0.6, **stroke)
    behind = (right + dx, back, right + dx, back + tall)
    picture.polygon(right, top, *behind, right, top + tall, fill=fill, fill_opacity=0.35, **stroke)
    if label == "in" and len(shape) > 2:
        _, down = dropped_pixels(row, -2)
        _, across = dropped_pixels(row, -1)
        thick, broad = tall * down / height, wide * across / width
        if down:
            picture.rectangle(left, top + tall - max(thick, 2), wide, max(thick, 2), fill=RED)
        if across:
            picture.rectangle(left + wide - max(broad, 2), top, max(broad, 2), tall, fill=RED)
    picture.text(by(shape), x, MIDDLE + 92, 16, bold=True)
    picture.text(label, x, MIDDLE + 110, 12, SOFT)


def _operation(picture: Group, row: LayerRow) -> None:
    x, y, wide, tall = 230.0, MIDDLE - 58, 172.0, 116.0
    picture.rectangle(x, y, wide, tall, rx=10, fill="#f7fafc", stroke=BLUE, stroke_width=2)
    middle = x + wide / 2
    name = WORDS.get(row.kind, row.kind)
    window = "×".join(map(str, row.kernel)) + " " if row.kernel and "average" not in name else ""
    picture.text(window + name, middle, y + 26, 15 if len(window + name) < 20 else 12.5, bold=True)
    details = list(PURPOSE.get(row.kind, []))
    if row.kernel and row.stride and "average" not in name:
        if row.kind == "Conv2d" or row.kind.startswith("conv"):
            details.append(f"{row.in_shape[0]} → {row.out_shape[0]} channels")
        details.append(f"stride {row.stride[-1]} · padding {row.padding[-1] if row.padding else 0}")
        if row.groups and row.groups > 1:
            details.append(f"{row.groups} groups")
    for i, words in enumerate(details):
        picture.text(words, middle, y + 46 + 17 * i, 12)
    if row.kernel and max(row.kernel) <= 11 and "average" not in name:
        _kernel(picture, row, middle, y + 46 + 17 * len(details))


def _kernel(picture: Group, row: LayerRow, middle: float, top: float) -> None:
    """Draw the window on the map: the pixels of two neighbouring windows, and how far apart."""
    assert row.kernel and row.stride
    across, step = row.kernel[-1], row.stride[-1]
    cell = min(9.0, 150 / (across + step))
    left = middle - cell * (across + step) / 2
    rows = min(row.kernel[-2] if len(row.kernel) > 1 else 1, 3)
    for line in range(rows):
        for column in range(across + step):
            x, y = round(left + cell * column, 1), round(top - 9 + cell * line, 1)
            fill = WINDOWS[column < across, column >= step]
            picture.rectangle(x, y, round(cell - 1, 1), round(cell - 1, 1), fill=fill)
    if across > 1 or step > 1:
        picture.text("two neighbouring windows", middle, MIDDLE + 74, 11, SOFT)


def _numbers(picture: Group, trace: Trace, row: LayerRow, index: int) -> None:
    """Write the arithmetic into the panel on the right."""
    x, y = 612.0, 212.0
    picture.rectangle(x, y, 284, 252, rx=10, fill="#f7fafc", stroke="#cbd5e1")
    line = y + 22
    for each in sums(row) or [Sum("parameters", f"{row.params:,}")]:
        picture.text(each.what, x + 14, line, 12, SOFT, anchor="start")
        size = 13.5 if len(each.formula) < 34 else 11
        picture.text(each.formula, x + 14, line + 18, size, bold=True, anchor="start")
        line += 36
        if each.remark:
            for words in wrap(each.remark, 44):
                picture.text(words, x + 14, line - 3, 11, ORANGE, anchor="start")
                line += 14
            line += 2
    facts = [("one value sees", row.sees)] if row.sees else []
    facts.append(("output takes", in_bytes(memory(row))))
    for at, (label, value) in zip((x + 14, x + 150), facts, strict=False):
        picture.text(label, at, line, 12, SOFT, anchor="start")
        picture.text(value, at, line + 18, 13.5, bold=True, anchor="start")
    done = sum(each.macs for each in trace.rows[: index + 1])
    share = done / trace.macs if trace.macs else 0
    foot = y + 252 - 30
    picture.rectangle(x + 14, foot, 256, 8, rx=4, fill="#dde3ea")
    picture.rectangle(x + 14, foot, round(256 * share, 1), 8, rx=4, fill=BLUE)
    words = f"{share:.0%} of all multiply-adds are done"
    picture.text(words, x + 14, foot + 21, 11, SOFT, anchor="start")


def _shortcut_lane(picture: Group, trace: Trace, index: int) -> None:
    """Draw what waits on the other path while the branch passes this layer."""
    around = [s for s in trace.shortcuts if s.start < index <= s.end]
    if not around:
        return
    shortcut = min(around, key=lambda s: s.end - s.start)
    y = MIDDLE + 148
    start, end = trace.rows[max(shortcut.start, 0)], trace.rows[shortcut.end]
    carried = start.out_shape if shortcut.start >= 0 else start.in_shape
    layers = [trace.rows[i] for i in shortcut.layers]
    dash = "8 5" if layers else None
    picture.line(110, y, 560, y, stroke=ORANGE, stroke_width=2.5, stroke_dasharray=dash)
    words = " → ".join(_short(row) for row in layers) if layers else "identity: nothing to do"
    wide = 7.2 * len(words) + 28
    middle = 316
    picture.rectangle(middle - wide / 2, y - 16, wide, 32, rx=8, fill="#fff4ea", stroke=ORANGE)
    picture.text(words, middle, y + 5, 13, "#a34700", bold=True)
    picture.text(by(carried), 64, y + 5, 13, bold=True)
    picture.circle(576, y, 15, fill="#ffffff", stroke=ORANGE, stroke_width=2)
    picture.text("+", 576, y + 6, 18, ORANGE, bold=True)
    ahead = shortcut.end - index
    when = "now" if not ahead else f"in {ahead} {'step' if ahead == 1 else 'steps'}"
    picture.text(f"meets the branch {when}:", 602, y - 3, 12.5, anchor="start")
    both = by(end.out_shape)
    picture.text(f"{both} + {both}", 602, y + 14, 12.5, bold=True, anchor="start")


def _short(row: LayerRow) -> str:
    if row.kernel:
        stride = f", stride {row.stride[-1]}" if row.stride and row.stride[-1] > 1 else ""
        return f"{'×'.join(map(str, row.kernel))}{stride}"
    return {"BatchNorm2d": "batch norm"}.get(row.kind, WORDS.get(row.kind, row.kind))
