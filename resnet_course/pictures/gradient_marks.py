"""What the figure of `gradient_figure` is made of: its scale, dots that speak, signs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import drawsvg as svg

from resnet_course.pictures.canvas import INK, PAPER, Group, Paper
from resnet_course.pictures.curves import STROKE_DASHES
from resnet_course.pictures.style import COLOURS

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 760, 74, 740, 52, 332
SQUARE = 9  # of the strip that shows which layers move
# A dot under the mouse says its layer and its number. These rules hold for the whole page.
HOVER = (
    ".gradient-tip { visibility: hidden; font: bold 13px DejaVu Sans, Helvetica, Arial, sans-serif;"
    " fill: #1b2330; paint-order: stroke; stroke: #ffffff; stroke-width: 5px }"
    " .gradient-dot:hover .gradient-tip { visibility: visible }"
    " .gradient-dot:hover .gradient-mark { stroke: #1b2330; stroke-width: 3px }"
)


@dataclass(frozen=True)
class Scale:
    """The axes: layers from 1 to `layers`, norms from 10^low to 10^high."""

    layers: int
    low: int
    high: int

    def x(self, layer: float) -> float:
        """Return the place of a layer, from the left."""
        return round(LEFT + (RIGHT - LEFT) * (layer - 0.5) / self.layers, 1)

    def y(self, norm: float) -> float:
        """Return the place of a norm, from the top."""
        up = (math.log10(norm) - self.low) / (self.high - self.low)
        return round(BOTTOM - (BOTTOM - TOP) * up, 1)


def look(place: int) -> dict:
    """Return colour, width and dashes of a curve."""
    width = 2.2 if place else 3
    return {
        "stroke": COLOURS[place],
        "stroke_width": width,
        "stroke_dasharray": STROKE_DASHES[place],
    }


def tipped(x: float, y: float, reach: float, words: str) -> Group:
    """Return a place that says some words while the mouse is on it; what it shows goes into it."""
    dot = Group(class_="gradient-dot")
    dot.circle(x, y, reach, fill_opacity=0)
    half = 4.3 * len(words)  # bold letters of 13 pixels; the words must not leave the picture
    middle = max(half + 4, min(x, WIDTH - half - 4))
    where = {"text_anchor": "middle", "class_": "gradient-tip"}
    dot.append(svg.Text(words, 13, round(middle, 1), round(y - 12, 1), **where))
    return dot


def triangle(picture: Paper | Group, x: float, y: float, marker: str, colour: str) -> None:
    """Draw the sign of a norm that has no place: down for 0, up for what is too large."""
    tip = 5 if marker == "v" else -5
    picture.polygon(
        x, y + tip, x - 5, y - tip, x + 5, y - tip, fill=colour, class_=f"edge-{marker}"
    )


def square(picture: Paper | Group, x: float, y: float, how: str) -> None:
    """Draw a square: full where most weights move, half full for some, empty for none."""
    side = {"most": SQUARE, "some": SQUARE / 2, "none": 0}[how]
    picture.rectangle(x - SQUARE / 2, y, SQUARE, SQUARE, fill=PAPER, stroke=INK)
    if side:
        low = y + SQUARE - side
        picture.rectangle(x - SQUARE / 2, low, SQUARE, side, fill=INK, stroke=INK)
