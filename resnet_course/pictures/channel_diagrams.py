"""SVG picture of a grouped convolution: which channel feeds which."""

from __future__ import annotations

from itertools import product

from resnet_course.pictures.canvas import BLUE, GREEN, INK, ORANGE, SOFT, Paper
from resnet_course.pictures.described import Svg

GROUP_COLOURS = (BLUE, ORANGE, GREEN, "#CC79A7", "#56B4E9", "#E69F00", INK, "#8C510A")


def channels(in_channels: int, out_channels: int, groups: int) -> Svg:
    """Draw a dot for each channel of a grouped convolution, and a line where one feeds another.

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
    picture = Paper(520, height)
    middle = 40 + (height - 60) / 2
    left = [middle + pitch * (i - (in_channels - 1) / 2) for i in range(in_channels)]
    right = [middle + pitch * (i - (out_channels - 1) / 2) for i in range(out_channels)]
    picture.text(f"{in_channels} channels in", 130, 28, 14, bold=True)
    picture.text(f"{out_channels} channels out", 390, 28, 14, bold=True)
    ins, outs = in_channels // groups, out_channels // groups
    for group in range(groups):
        colour = GROUP_COLOURS[group % len(GROUP_COLOURS)]
        feeding, fed = left[group * ins :][:ins], right[group * outs :][:outs]
        for a, b in product(feeding, fed):
            picture.line(130, a, 390, b, stroke=colour, stroke_width=1.4, opacity=0.75)
        for x, y in [*((130, y) for y in feeding), *((390, y) for y in fed)]:
            picture.circle(x, y, 6.5, fill=colour, stroke=INK)
    count = groups * ins * outs
    words = "every channel in feeds every channel out"
    if groups > 1:
        words = f"{groups} groups: each channel out is fed by {ins} of {in_channels}"
    picture.text(f"{count} of {in_channels * out_channels} lines", 260, height - 14, 13, SOFT)
    alt = (
        f"{in_channels} dots on the left, {out_channels} on the right, {count} lines between them; "
        f"{words}."
    )
    return picture.finish(f"Groups: {groups}", alt)
