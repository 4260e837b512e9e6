"""Show a picture together with its description in words.

JupyterLab gives an image no alternative text, whatever the notebook says. So a picture of this
course carries its description twice: as `alt` in the output's metadata, where websites and
converters look for it, and in a line to unfold below the picture, for everybody.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping
from pathlib import Path

from IPython.display import display
from matplotlib import get_data_path
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from resvg_py import svg_to_bytes


def show_with_words(images: Mapping[str, str | bytes], alt: str) -> None:
    """Display an image, kind → the same image, such as {"image/png": bytes}, and `alt` below it.

    The description says what can be seen, not how it was drawn.
    """
    data = {
        kind: base64.b64encode(image).decode() if isinstance(image, bytes) else image
        for kind, image in images.items()
    }
    display({**data, "text/plain": alt}, raw=True, metadata={kind: {"alt": alt} for kind in images})
    words = f"<details><summary>This picture in words</summary>{html.escape(alt)}</details>"
    display({"text/html": words, "text/plain": ""}, raw=True)


class DescribedFigure(Figure):
    """A matplotlib figure with a description, `alt`, that shows itself in a notebook."""

    def __init__(self, width: float, height: float, alt: str = "") -> None:
        super().__init__(figsize=(width, height), layout="constrained")
        self.alt = alt

    @classmethod
    def of_places(
        cls,
        count: int,
        columns: int,
        inches: tuple[float, float],
        more: float,
        title: str,
        size: int,
        alt: str,
    ) -> tuple[DescribedFigure, list[Axes]]:
        """Make a figure with `count` places for pictures, which are returned row by row.

        A place is as large as `inches`, (width, height); the title has letters of `size` points.
        The figure is `more` inches higher than its places.
        """
        columns = min(columns, count)
        rows = -(-count // columns)
        figure = cls(inches[0] * columns, inches[1] * rows + more, alt)
        figure.suptitle(title, fontsize=size)
        places = list(figure.subplots(rows, columns, squeeze=False).flat)
        for axes in places:
            axes.axis("off")
        return figure, places[:count]

    def png(self) -> bytes:
        """Render the figure, with 256 colours."""
        return _png(self)

    def _ipython_display_(self) -> None:
        show_figure(self, self.alt)


def show_figure(figure: Figure, alt: str) -> None:
    """Display a figure of whatever library, and below it its description, `alt`."""
    show_with_words({"image/png": _png(figure)}, alt)


def _png(figure: Figure) -> bytes:
    whole = io.BytesIO()
    figure.savefig(whole, format="png", facecolor="white")
    return with_256_colours(whole.getvalue())


def with_256_colours(png: bytes) -> bytes:
    """Return a PNG with 256 colours: it looks the same, and takes less than half the space."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    image = image.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    image.save(buffer, format="png", optimize=True)
    return buffer.getvalue()


class Svg(str):
    """An SVG picture as a string, with a description, that shows itself in a notebook."""

    alt: str

    def __new__(cls, markup: str, alt: str) -> Svg:
        """Make the string; `alt` says what can be seen."""
        picture = super().__new__(cls, markup)
        picture.alt = alt
        return picture

    def _ipython_display_(self) -> None:
        # JupyterLab shows no SVG of a notebook that it does not trust yet, as every freshly cloned
        # one; then it takes the PNG.
        show_with_words({"image/svg+xml": str(self), "image/png": self.png()}, self.alt)

    def png(self) -> bytes:
        """Render the picture, with fonts that every installation has."""
        folder = Path(get_data_path()) / "fonts" / "ttf"
        fonts = [str(folder / f"DejaVuSans{style}.ttf") for style in ("", "-Bold")]
        return bytes(svg_to_bytes(svg_string=str(self), skip_system_fonts=True, font_files=fonts))
