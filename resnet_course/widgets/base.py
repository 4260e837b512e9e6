"""What all widgets of the course have in common."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable
from typing import Any, ClassVar
from weakref import WeakValueDictionary

import ipywidgets as w
from IPython.display import display

from resnet_course.pictures.frames import STILL, Frames, Picture, png_address

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
LIVE, NOTE = "resnet-course-live", "resnet-course-note"
WHOLE = {"description_width": "initial"}  # style of controls: no description is cut off


def _rules() -> str:
    """Return the rules that show either the widget or its static form.

    A widget lives as long as its kernel. So a widget is displayed as three outputs: itself, its
    picture, and the picture in words (or as two: itself and a note). While the widget lives, the
    others hide. Where it is gone, its place hides: JupyterLab would write there "Error displaying
    widget".
    """
    child = ".jp-OutputArea-child"
    live = f"{child}:has(.{LIVE})"
    gone = f"{child}:has(> .jupyter-widgets):not(:has(.{LIVE}))"
    hidden = (
        f"{live} + {child}:has(+ {child} .{STILL})",
        f"{live} + {child} + {child}:has(.{STILL})",
        f"{live} + {child}:has(.{NOTE})",
        f"{gone}:has(+ {child} + {child} .{STILL})",
        f"{gone}:has(+ {child} .{NOTE})",
    )
    return f"<style>{', '.join(hidden)} {{ display: none }}</style>"


class StoredForm:
    """What is shown of a widget where no kernel runs: a reopened notebook, a website, GitHub.

    Attributes:
        displayed: the widgets that a notebook shows, by the number in their output.
    """

    displayed: ClassVar[WeakValueDictionary[str, StoredForm]] = WeakValueDictionary()

    def __init__(self, *args: Any, **traits: Any) -> None:
        super().__init__(*args, **traits)
        self.add_class(LIVE)

    def still(self) -> Picture | None:
        """Return the picture that stands for the widget as it is now, None if there is none."""
        raise NotImplementedError

    def to_html(self) -> str:
        """Return the widget as it stands as one self-contained piece of HTML, without controls."""
        return figure_html(self.still())

    def describe(self) -> str:
        """Return what can be seen, in words."""
        return self.still().alt

    def show_live(self, note: str) -> None:
        """Display the widget without a picture; where it is gone, the note is shown."""
        self._display_view()
        words = f'<p class="{NOTE}"><em>{html.escape(note)}</em></p>{_rules()}'
        display({"text/html": words, "text/plain": note}, raw=True)

    def _ipython_display_(self, **_: Any) -> None:
        words = self.describe()
        self._display_view()
        picture = self.still()
        if picture is None:
            display({"text/html": self.to_html(), "text/plain": words}, raw=True)
        else:
            image = base64.b64encode(picture.png()).decode()
            metadata = {"image/png": {"alt": words}}
            display({"image/png": image, "text/plain": words}, raw=True, metadata=metadata)
        summary = f"<summary>This picture in words</summary>{html.escape(words)}"
        below = f'<details class="{STILL}">{summary}</details>{_rules()}'
        display({"text/html": below, "text/plain": ""}, raw=True)

    def _display_view(self) -> None:
        self.displayed[self.model_id] = self
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        display({WIDGET_VIEW: view}, raw=True)


class CourseWidget(StoredForm, w.VBox):
    """A box of controls and pictures that also has a static form."""

    def __init__(self, children: list[w.Widget], controls: Iterable[w.Widget] = ()) -> None:
        super().__init__(children)
        for control in controls:
            control.observe(self._redraw, "value")

    def frames(self) -> Frames | None:
        """Return pictures for places without a kernel, None if the static form says it all.

        The widget itself stays as it is.
        """
        return None

    def _redraw(self, _: object = None) -> None:
        self.picture.value = self.still()


def figure_html(picture: Picture, caption: str = "") -> str:
    """Return a picture as an image that shows everywhere, with its description and a caption.

    GitHub and notebooks that are not trusted show no inline SVG, so it travels as a PNG.
    """
    words = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    return (
        f'<figure style="margin:0"><img alt="{html.escape(picture.alt)}" '
        f'style="max-width:100%" src="{png_address(picture)}">{words}</figure>'
    )


def message_html(title: str, words: str) -> str:
    """Return a message in red for what cannot be drawn."""
    return (
        '<div role="alert" style="border-left:4px solid #B3001B;background:#fff;color:#1b2330;'
        'padding:10px 14px;max-width:860px">'
        f'<b style="color:#B3001B">{html.escape(title)}</b><br>{html.escape(words)}</div>'
    )
