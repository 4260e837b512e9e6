"""What the mouse finds in a drawing, as a list for those who have none."""

from __future__ import annotations

import html
from xml.etree import ElementTree

import ipywidgets as w

SVG = "{http://www.w3.org/2000/svg}"


class PointList(w.VBox):
    """A button that shows and hides a list: the words of all points of an SVG drawing.

    These are the titles of its groups and the texts of class "gradient-tip".

    Attributes:
        shown: the button.
        words: the list, as HTML; empty while it is hidden.
    """

    def __init__(self) -> None:
        self._drawing = ""
        self.shown = w.ToggleButton(layout={"width": "230px"})
        self.words = w.HTML()
        super().__init__([self.shown, self.words])
        self.shown.observe(self._fill, "value")

    def follow(self, drawing: str) -> None:
        """Take the points of another drawing."""
        self._drawing = drawing
        self._fill()

    def _fill(self, _: object = None) -> None:
        verb = "hide" if self.shown.value else "show"
        self.shown.description = f"{verb} every point in words"
        self.words.value = points_html(self._drawing) if self.shown.value else ""


def points_html(drawing: str) -> str:
    """Return what the points of a drawing say to the mouse, as a list."""
    root = ElementTree.fromstring(drawing)
    found = [title for group in root.iter(f"{SVG}g") for title in group.findall(f"{SVG}title")]
    found += [text for text in root.iter(f"{SVG}text") if text.get("class") == "gradient-tip"]
    items = "".join(f"<li>{html.escape(''.join(each.itertext()))}</li>" for each in found)
    return f"<ul>{items}</ul>"
