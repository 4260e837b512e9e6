"""A confusion matrix of buttons."""

from __future__ import annotations

import functools
import html
from collections.abc import Callable, Sequence

import ipywidgets as w
from torch import Tensor

from resnet_course.measure.verdicts import Pair, count_words
from resnet_course.pictures.verdict_figures import INKS, shade, short

NO_FRAME = "transparent"
SIDE = "126px"  # width of the names of the rows


class ConfusionGrid(w.GridBox):
    """One button for each pair (right class, predicted class), with its count.

    Layouts and styles are messages to the browser, as the buttons are. So the buttons share them.

    Args:
        counts: int64 (classes, classes), row = the right class, column = the predicted one.
        classes: their names.
        choose: is called with the pair whose button is clicked.

    Attributes:
        cells: the buttons; where the count is 0, they are empty and disabled.
    """

    def __init__(
        self, counts: Tensor, classes: Sequence[str], choose: Callable[[Pair], None]
    ) -> None:
        edges = {"width": "auto", "min_width": "0", "margin": "0", "padding": "0"}
        # Every cell has a frame, most cannot be seen: so a number stays where it is when chosen.
        self._frames = {
            colour: w.Layout(**edges, height="34px", border=f"3px solid {colour}")
            for colour in (NO_FRAME, *INKS)
        }
        self._marked: Pair | None = None
        self.cells: dict[Pair, w.Button] = {}
        names = w.Layout(**edges, align_self="center")
        style = functools.cache(w.ButtonStyle)
        children: list[w.Widget] = [w.HTML(_heading("right ↓ predicted →", "right"), layout=names)]
        children += [w.HTML(_heading(name, "center"), layout=names) for name in classes]
        for right, name in enumerate(classes):
            children.append(w.HTML(_heading(name, "right"), layout=names))
            for predicted in range(len(classes)):
                pair, count, colours = (right, predicted), int(counts[right, predicted]), {}
                if count:
                    ground, ink = shade(count / int(counts[right].sum()), right == predicted)
                    colours = {"button_color": ground, "text_color": ink}
                self.cells[pair] = w.Button(
                    description=str(count or ""),
                    disabled=not count,
                    tooltip=count_words(counts, classes, pair),
                    tabbable=False,  # the menu above offers the same, in one stop
                    layout=self._frames[NO_FRAME],
                    style=style(**colours),
                )
                self.cells[pair].on_click(lambda _, pair=pair: choose(pair))
                children.append(self.cells[pair])
        columns = f"{SIDE} repeat({len(classes)}, minmax(0, 1fr))"
        whole = {"grid_gap": "2px", "width": "100%", "max_width": "900px"}
        super().__init__(children, layout={"grid_template_columns": columns, **whole})

    def mark(self, pair: Pair | None) -> None:
        """Draw a frame around one cell, or around none, and around no other."""
        if self._marked is not None:
            self.cells[self._marked].layout = self._frames[NO_FRAME]
        if pair is not None:
            self.cells[pair].layout = self._frames[self.cells[pair].style.text_color]
        self._marked = pair


def _heading(name: str, align: str) -> str:
    style = f"text-align:{align};line-height:1.15;font-size:12px;overflow-wrap:anywhere"
    words = html.escape(short(name))
    return f'<div title="{html.escape(name)}" style="{style}">{words}</div>'
