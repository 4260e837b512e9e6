"""Show a picture together with its description in words.

JupyterLab gives an image no alternative text, whatever the notebook says. So a picture of this
course carries its description twice: as `alt` in the output's metadata, where websites and
converters look for it, and in a line to unfold below the picture, for everybody.
"""

from __future__ import annotations

import base64
import html
import io
from typing import Any

from IPython.display import display
from matplotlib.figure import Figure


def show_with_words(mime_type: str, data: str | bytes, alt: str) -> None:
    """Display an image and, below it, its description.

    Args:
        mime_type: "image/png" (data is bytes) or "image/svg+xml" (data is a string).
        data: the image.
        alt: the description: what can be seen, not how it was drawn.
    """
    if isinstance(data, bytes):
        data = base64.b64encode(data).decode()
    display(
        {mime_type: data, "text/plain": alt},
        raw=True,
        metadata={mime_type: {"alt": alt}},
    )
    words = f"<details><summary>This picture in words</summary>{html.escape(alt)}</details>"
    display({"text/html": words, "text/plain": ""}, raw=True)


class DescribedFigure(Figure):
    """A matplotlib figure with a description, `alt`, that shows itself in a notebook."""

    def __init__(self, *args: Any, alt: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.alt = alt

    def _ipython_display_(self) -> None:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", facecolor="white")
        show_with_words("image/png", buffer.getvalue(), self.alt)


class Svg(str):
    """An SVG picture as a string, with a description, that shows itself in a notebook."""

    alt: str

    def __new__(cls, markup: str, alt: str) -> Svg:
        """Make the string; `alt` says what can be seen."""
        picture = super().__new__(cls, markup)
        picture.alt = alt
        return picture

    def _ipython_display_(self) -> None:
        show_with_words("image/svg+xml", str(self), self.alt)
