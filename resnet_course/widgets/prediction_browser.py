"""Click in a confusion matrix and page through the pictures behind each of its numbers."""

from __future__ import annotations

import functools
import html

import ipywidgets as w
import traitlets
from torch import nn

from resnet_course.data import Splits, check_splits, fashion_mnist
from resnet_course.measure.verdicts import Pair, Verdicts, count_words
from resnet_course.pictures.described import DescribedFigure
from resnet_course.pictures.frames import Frame, Frames
from resnet_course.pictures.verdict_figures import close_up, sheet, table
from resnet_course.train.pretrained import trained_model
from resnet_course.widgets.base import WHOLE, CourseWidget, figure_html
from resnet_course.widgets.confusion_grid import ConfusionGrid
from resnet_course.widgets.slider import place_slider

ALL = ()  # a Dropdown cannot have the value None
MOST_FRAMES = 8  # pairs of classes that a page without a kernel shows
MOST_CLOSE_UPS = 4
MOST_CLASSES = 26  # more columns would have no room for their numbers


class PredictionBrowser(CourseWidget):
    """The confusion matrix of a classifier, and the pictures behind each number, with Grad-CAM.

    >>> PredictionBrowser(model, splits)

    Args:
        model: a classifier of the pictures; None takes the `trained_model` for them. It is left as
            it is.
        splits: the pictures; None takes `fashion_mnist()`.
        limit: how many test pictures, from the first on; None takes all of them.
        layer: see `Verdicts`.

    Attributes:
        chosen: (right class, predicted class), or None for all mistakes; setting it shows the first
            of its pictures at once.
        predictions: what the model says about the pictures.
        cells: the buttons of the matrix by (right class, predicted class); none if there are more
            than 26 classes.
        show: the choice between all mistakes and every pair that occurs.
        place: the slider; 1 is the first of the chosen pictures.

    Raises:
        ValueError: see `Verdicts` and `trained_model`.
    """

    chosen = traitlets.Tuple(traitlets.Int(), traitlets.Int(), default_value=None, allow_none=True)

    def __init__(
        self,
        model: nn.Module | None = None,
        splits: Splits | None = None,
        *,
        limit: int | None = 2000,
        layer: str | None = None,
    ) -> None:
        splits = fashion_mnist() if splits is None else splits
        check_splits(splits)
        model = trained_model(splits.source) if model is None else model
        self._verdicts = Verdicts(model, splits, limit=limit, layer=layer)
        self.predictions = self._verdicts.predictions
        self._order = self._verdicts.order(None)
        self._page = functools.lru_cache(maxsize=64)(self._draw_page)
        classes, counts = splits.classes, self._verdicts.counts
        self._grid = None
        table_or_note: w.Widget = w.Label(f"{len(classes)} classes are too many for a table here.")
        if len(classes) <= MOST_CLASSES:
            choose = functools.partial(setattr, self, "chosen")
            table_or_note = self._grid = ConfusionGrid(counts, classes, choose)
        self.cells: dict[Pair, w.Button] = self._grid.cells if self._grid else {}
        look = {"style": WHOLE, "layout": {"width": "min(100%, 560px)"}}
        self.show = w.Dropdown(options=self._options(), value=ALL, description="show", **look)
        # Not while the slider moves: each place takes a moment to draw.
        traits = {"max": len(self._order), "continuous_update": False, "layout": {"width": "360px"}}
        self.back, self.place, self.forward = place_slider(min=1, value=1, **traits)
        self.where, self.picture = w.Label(), w.HTML()
        summary = w.HTML(html.escape(self._summary()))
        row = w.HBox([self.back, self.place, self.forward, self.where])
        super().__init__([summary, self.show, table_or_note, row, self.picture], [self.place])
        self.show.observe(lambda change: setattr(self, "chosen", change["new"] or None), "value")
        self._redraw()

    # What the learner sees.

    @property
    def index(self) -> int:
        """Number of the test picture that is shown."""
        return int(self._order[self.place.value - 1])

    def still(self) -> DescribedFigure:
        """Draw the first eight of the chosen pictures: at first, the worst mistakes."""
        return sheet(self._verdicts, self.chosen)

    def frames(self) -> Frames:
        """Return the worst mistakes and their heat, the most frequent pairs, the whole table."""
        mistakes = [pair for pair in self._verdicts.pairs() if pair[0] != pair[1]]
        shown = [self.chosen, None, *mistakes[:MOST_FRAMES]]
        pairs = list(dict.fromkeys(shown))  # each once
        names = {pair or None: name for name, pair in self._options()}
        kind = "right answer" if self._verdicts.perfect else "mistake"
        close = self._verdicts.order(None)[:MOST_CLOSE_UPS].tolist()
        figures = [sheet(self._verdicts, pair) for pair in pairs]
        figures += [close_up(self._verdicts, index) for index in close] + [table(self._verdicts)]
        near = [f"{kind} {number}, close up" for number in range(1, len(close) + 1)]
        return Frames(
            name=f"test pictures of {self._verdicts.source}",
            choices={"show": [*(names[pair] for pair in pairs), *near, "the whole table"]},
            frames=[Frame.of(figure) for figure in figures],
            start=0,
            strip=[0, len(figures) - 1],
        )

    def to_html(self) -> str:
        """Return the matrix and the first eight of the chosen pictures."""
        pictures = figure_html(self.still(), caption=self._verdicts.blind)
        return figure_html(table(self._verdicts)) + pictures

    def describe(self) -> str:
        """Return the most important numbers, the picture that is shown, and the static form."""
        shown = close_up(self._verdicts, self.index).alt
        return f"{self._summary()} Shown: {self._position()}. {shown} {self.still().alt}"

    # What the controls do.

    @traitlets.validate("chosen")
    def _check_chosen(self, proposal: dict) -> Pair | None:
        pair = proposal["value"]
        if pair is not None and pair not in self._verdicts.pairs():
            raise traitlets.TraitError(
                f"chosen must be None or a pair (right class, predicted class) that occurs, such "
                f"as {self._verdicts.pairs()[0]}, got {pair}."
            )
        return pair

    @traitlets.observe("chosen")
    def _choose(self, change: dict) -> None:
        self._order = self._verdicts.order(self.chosen)
        self.show.value = self.chosen or ALL
        with self.place.hold_sync():
            self.place.value = 1
            self.place.max = len(self._order)
        if self._grid is not None:
            self._grid.mark(self.chosen)
        self._redraw()

    def _redraw(self, _: object = None) -> None:
        self.where.value = self._position()
        self.picture.value = self._page(self.index)

    # What it is made of.

    def _draw_page(self, index: int) -> str:
        return figure_html(close_up(self._verdicts, index), caption=self._verdicts.blind)

    def _position(self) -> str:
        right, answer = self._verdicts.answer(self.index)
        kind = "right answer" if right == answer else "mistake"
        return f"{kind} {self.place.value} of {len(self._order)}"

    def _summary(self) -> str:
        seen = self.predictions
        words = f"{seen.accuracy():.2%} of {len(seen):,} test pictures of {self._verdicts.source} "
        if self._verdicts.perfect:
            return f"{words}are right: there are no mistakes."
        pair = self._verdicts.pairs()[0]
        worst = count_words(self._verdicts.counts, self._verdicts.classes, pair)
        return f"{words}are right. The most frequent mistake: {worst}."

    def _options(self) -> list[tuple[str, Pair | tuple[()]]]:
        options: list[tuple[str, Pair | tuple[()]]] = [(self._verdicts.name(None), ALL)]
        for pair in self._verdicts.pairs():
            right, predicted = (self._verdicts.classes[i] for i in pair)
            words = f"{right}, right" if pair[0] == pair[1] else f"{right} → {predicted}"
            options.append((f"{words} ({self._verdicts.counts[pair]})", pair))
        return options
