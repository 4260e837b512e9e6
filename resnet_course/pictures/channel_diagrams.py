"""SVG picture of a grouped convolution: which channel feeds which."""

from __future__ import annotations

from itertools import product

import drawsvg as svg

from resnet_course.pictures.canvas import INK, SOFT, Group, Paper
from resnet_course.pictures.described import Svg
from resnet_course.pictures.style import COLOURS

WIDTH, MARGIN = 360, 70  # a phone shows it whole; room for half of the words above the dots
GROUP_COLOURS = (*COLOURS[:6], INK, "#8C510A")


def channels(in_channels: int, out_channels: int, groups: int) -> Svg:
    """Draw a dot for each channel of a grouped convolution, and a line where one feeds another.

    Where the picture is alive, a channel under the mouse lights up those that feed it, or that it
    feeds, and says which.

    Raises:
        ValueError: the groups do not divide the channels.
    """
    if groups < 1 or in_channels % groups or out_channels % groups:
        raise ValueError(
            f"in_channels={in_channels} and out_channels={out_channels} must both be divisible "
            f"by groups={groups}."
        )
    pitch = 20
    height = pitch * max(in_channels, out_channels) + 90
    picture = Paper(WIDTH, height)
    near, far = MARGIN, WIDTH - MARGIN
    middle = 40 + (height - 60) / 2
    left = [middle + pitch * (i - (in_channels - 1) / 2) for i in range(in_channels)]
    right = [middle + pitch * (i - (out_channels - 1) / 2) for i in range(out_channels)]
    picture.text(f"{in_channels} channels in", near, 28, 14, bold=True)
    picture.text(f"{out_channels} channels out", far, 28, 14, bold=True)
    picture.append(svg.Raw(f"<style>{_lights(in_channels, out_channels)}</style>"))
    drawn = Group(class_="channels")
    ins, outs = in_channels // groups, out_channels // groups
    for group in range(groups):
        colour = GROUP_COLOURS[group % len(GROUP_COLOURS)]
        feeding = range(group * ins, (group + 1) * ins)
        fed = range(group * outs, (group + 1) * outs)
        for i, j in product(feeding, fed):
            look = {"stroke": colour, "stroke_width": 1.4, "opacity": 0.75}
            drawn.line(near, left[i], far, right[j], class_=f"line from{i} to{j}", **look)
        for i in feeding:
            words = f"channel in {i + 1} feeds {_listed('out', fed)}"
            _dot(drawn, near, left[i], colour, f"in in{i} {_classes('to', fed)}", words)
        for j in fed:
            words = f"channel out {j + 1} is fed by {_listed('in', feeding)}"
            _dot(drawn, far, right[j], colour, f"out out{j} {_classes('from', feeding)}", words)
    picture.append(drawn)
    count = groups * ins * outs
    words = "every channel in feeds every channel out"
    if groups > 1:
        words = f"{groups} groups: each channel out is fed by {ins} of {in_channels}"
    picture.text(f"{count} of {in_channels * out_channels} lines", WIDTH / 2, height - 14, 13, SOFT)
    alt = (
        f"{in_channels} dots on the left, {out_channels} on the right, {count} lines between them; "
        f"{words}."
    )
    return picture.finish(f"Groups: {groups}", alt)


def _lights(in_channels: int, out_channels: int) -> str:
    """Return the rules that light up what feeds a channel out, or what a channel in feeds."""
    rules = []
    sides = (("out", "in", "to", out_channels), ("in", "out", "from", in_channels))
    for side, other, joined, count in sides:
        for k in range(count):
            here = f".channels:has(.{side}{k}:hover) :is(.line, .{other})"
            rules.append(f"{here}.{joined}{k} {{ opacity: 1; stroke-width: 3 }}")
            rules.append(f"{here}:not(.{joined}{k}) {{ opacity: 0.12 }}")
    return " ".join(rules)


def _dot(drawn: Group, x: float, y: float, colour: str, classes: str, words: str) -> None:
    dot = Group(class_=classes)
    dot.append(svg.Title(words))
    dot.circle(x, y, 9.5, fill="#ffffff", opacity=0)  # the mouse need not hit exactly
    dot.circle(x, y, 6.5, fill=colour, stroke=INK)
    drawn.append(dot)


def _classes(name: str, numbers: range) -> str:
    return " ".join(f"{name}{number}" for number in numbers)


def _listed(side: str, numbers: range) -> str:
    """Return "channel in 3", or "channels in 1 to 4"."""
    first, last = numbers[0] + 1, numbers[-1] + 1
    return f"channel {side} {first}" if first == last else f"channels {side} {first} to {last}"
