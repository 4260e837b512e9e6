"""What the SVG pictures are drawn with: colours, paper, text, lines and arrows."""

from __future__ import annotations

import html
from typing import Any

import drawsvg as svg

from resnet_course.pictures.described import Svg
from resnet_course.pictures.style import COLOURS
from resnet_course.tracing.rows import printable

INK, SOFT, PAPER = "#1b2330", "#5a6472", "#ffffff"
BLUE, ORANGE, GREEN = COLOURS[:3]
RED, GREY, SKY = "#B3001B", "#e8ecf1", "#cfe5f5"
# matplotlib brings DejaVu Sans along, so that the PNG of a picture looks alike everywhere.
FONT = "DejaVu Sans, Helvetica, Arial, sans-serif"
WIDEST = 860


class Pen:
    """Draws on a picture or a group; `look` is what drawsvg takes: `fill`, `stroke`, …"""

    def text(
        self,
        words: str,
        x: float,
        y: float,
        size: float,
        colour: str = INK,
        *,
        bold: bool = False,
        anchor: str = "middle",
    ) -> None:
        """Write words at a point; `anchor` says which end of them stands there."""
        weight = "bold" if bold else "normal"
        look = {"fill": colour, "font_family": FONT, "text_anchor": anchor, "font_weight": weight}
        self.append(svg.Text(printable(words), size, x, y, **look))

    def rectangle(self, x: float, y: float, width: float, height: float, **look: Any) -> None:
        """Draw a rectangle from its upper left corner."""
        self.append(svg.Rectangle(x, y, width, height, **look))

    def circle(self, x: float, y: float, radius: float, **look: Any) -> None:
        """Draw a circle around a point."""
        self.append(svg.Circle(x, y, radius, **look))

    def polygon(self, *corners: float, **look: Any) -> None:
        """Draw a closed shape; its corners are given as x, y, x, y, …"""
        self.append(svg.Lines(*corners, close=True, **look))

    def line(self, x1: float, y1: float, x2: float, y2: float, **look: Any) -> None:
        """Draw a straight line."""
        self.append(svg.Line(x1, y1, x2, y2, **{"stroke": INK, "stroke_width": 2, **look}))

    def arrow(self, x1: float, y1: float, x2: float, y2: float, colour: str = INK) -> None:
        """Draw a straight arrow, to the right or down."""
        self.line(x1, y1, x2, y2, stroke=colour)
        sides = (x2 - 9, y2 - 5, x2 - 9, y2 + 5) if y1 == y2 else (x2 - 6, y2 - 10, x2 + 6, y2 - 10)
        self.polygon(x2, y2, *sides, fill=colour)


class Group(Pen, svg.Group):
    """Shapes that belong together."""


class Paper(Pen, svg.Drawing):
    """A picture with a light ground of its own, for dark themes."""

    def __init__(self, width: float, height: float) -> None:
        style = "max-width:100%;height:auto"
        super().__init__(round(width), round(height), id_prefix="p", style=style)
        # JupyterLab cuts off what is wider than its output area: show such a picture smaller.
        shown = min(width, WIDEST)
        self.set_render_size(round(shown), round(height * shown / width))
        self.rectangle(0, 0, "100%", "100%", rx=10, fill=PAPER)

    def finish(self, title: str, alt: str) -> Svg:
        """Add title and description and return the markup."""
        alt = "\n".join(map(printable, alt.split("\n")))
        self.elements.insert(0, svg.Title(printable(title)))
        self.elements.insert(1, svg.Raw(f"<desc>{html.escape(alt)}</desc>"))
        return Svg(self.as_svg(), alt)
