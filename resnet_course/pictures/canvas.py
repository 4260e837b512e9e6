"""What the SVG pictures are drawn with: colours, paper, text, lines and arrows."""

from __future__ import annotations

import html

import drawsvg as svg

from resnet_course.pictures.described import Svg

INK, SOFT, PAPER = "#1b2330", "#5a6472", "#ffffff"
BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#D55E00", "#009E73", "#B3001B", "#e8ecf1"
SKY = "#cfe5f5"
# matplotlib brings DejaVu Sans along, so that the PNG of a picture looks alike everywhere.
FONT = "DejaVu Sans, Helvetica, Arial, sans-serif"
WIDEST = 860


def paper(width: float, height: float) -> svg.Drawing:
    """Return an empty picture with a light ground of its own, for dark themes."""
    # JupyterLab cuts off what is wider than its output area: show such a picture smaller.
    shown = min(width, WIDEST)
    picture = svg.Drawing(
        round(width), round(height), id_prefix="p", style="max-width:100%;height:auto"
    )
    picture.set_render_size(round(shown), round(height * shown / width))
    picture.append(svg.Rectangle(0, 0, "100%", "100%", rx=10, fill=PAPER))
    return picture


def finish(picture: svg.Drawing, title: str, alt: str) -> Svg:
    """Add title and description and return the markup."""
    picture.elements.insert(0, svg.Title(title))
    picture.elements.insert(1, svg.Raw(f"<desc>{html.escape(alt)}</desc>"))
    return Svg(picture.as_svg(), alt)


def text(
    picture: svg.Drawing,
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
    picture.append(
        svg.Text(
            words,
            size,
            x,
            y,
            fill=colour,
            font_family=FONT,
            text_anchor=anchor,
            font_weight="bold" if bold else "normal",
        )
    )


def line(picture: svg.Drawing, x1: float, y1: float, x2: float, y2: float) -> None:
    """Draw a straight line."""
    picture.append(svg.Line(x1, y1, x2, y2, stroke=INK, stroke_width=2))


def arrow(
    picture: svg.Drawing, x1: float, y1: float, x2: float, y2: float, colour: str = INK
) -> None:
    """Draw a straight arrow, to the right or down."""
    picture.append(svg.Line(x1, y1, x2, y2, stroke=colour, stroke_width=2))
    if y1 == y2:
        head = (x2, y2, x2 - 9, y2 - 5, x2 - 9, y2 + 5)
    else:
        head = (x2, y2, x2 - 6, y2 - 10, x2 + 6, y2 - 10)
    picture.append(svg.Lines(*head, close=True, fill=colour))
