"""What all widgets of the course have in common."""

from __future__ import annotations

import base64
import html
from typing import Any

import ipywidgets as w

from resnet_course.pictures import Svg


class CourseWidget(w.VBox):
    """A box of controls and pictures that also has a static form.

    Where no kernel runs (a reopened notebook, a website, GitHub), Jupyter shows the static form: it
    travels with the widget as HTML.
    """

    def to_html(self) -> str:
        """Return the widget as it stands as one self-contained piece of HTML, without controls."""
        raise NotImplementedError

    def describe(self) -> str:
        """Return what can be seen, in words."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        bundle = super()._repr_mimebundle_(**options) or {}
        return {**bundle, "text/html": self.to_html(), "text/plain": self.describe()}


def figure_html(picture: Svg, caption: str = "") -> str:
    """Return a picture as an image that shows everywhere, with its description and a caption.

    GitHub and notebooks that are not trusted show no inline SVG, so it travels as a PNG.
    """
    data = base64.b64encode(picture.png()).decode()
    words = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    return (
        f'<figure style="margin:0"><img alt="{html.escape(picture.alt)}" '
        f'style="max-width:100%" src="data:image/png;base64,{data}">{words}</figure>'
    )


def message_html(title: str, words: str) -> str:
    """Return a message in red for what cannot be drawn."""
    return (
        '<div role="alert" style="border-left:4px solid #B3001B;background:#fff;color:#1b2330;'
        'padding:10px 14px;max-width:860px">'
        f'<b style="color:#B3001B">{html.escape(title)}</b><br>{html.escape(words)}</div>'
    )
