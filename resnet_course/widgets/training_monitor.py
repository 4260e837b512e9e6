"""Watch networks train: live curves, the time left, and a button to stop."""

from __future__ import annotations

import html
import time

import ipywidgets as w
import torch
from IPython import get_ipython
from torch import Tensor

from resnet_course.pictures.curves import Run, training_curves
from resnet_course.pictures.described import Svg
from resnet_course.tracing.rows import printable
from resnet_course.train.history import EpochRow
from resnet_course.widgets.base import CourseWidget, figure_html

# Every change is a message to the notebook, and a notebook test loses messages when a cell sends
# thousands.
PAUSE, PAUSE_BETWEEN_PICTURES = 0.5, 2.0


class TrainingMonitor(CourseWidget):
    """Give it to `fit`; it shows itself below the cell and follows the run.

    >>> monitor = TrainingMonitor()
    >>> fit(model, splits, TrainConfig(epochs=3), monitor=monitor)

    One monitor can watch several runs, one after the other: each gets a curve of its own.

    Attributes:
        runs: what was seen, the oldest first.
        stopped: whether the button was pressed in the present run.
    """

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.stopped = False
        self.words = w.HTML()
        self.bar = w.IntProgress(value=0, max=1, layout={"width": "340px"})
        self.stop = w.Button(
            description="■ stop this run",
            disabled=True,
            tooltip="End this run after the present step. What was learned is kept and measured.",
            layout={"width": "150px"},
        )
        self.picture = w.HTML()
        self._cell: object = None  # the cell below which it shows itself
        super().__init__([w.HBox([self.bar, self.stop, self.words]), self.picture])
        self.stop.on_click(lambda _: setattr(self, "stopped", True))
        self._redraw()

    # What `fit` calls: see `train.Watcher`.

    def start(self, label: str, epochs: int, steps: int, done: int = 0) -> None:
        """Begin a new curve, and show the monitor if it is not to be seen yet."""
        self.runs.append(Run(printable(label), epochs))
        self.stopped = False
        self._steps, self._done, self._before = steps, done * steps, done * steps
        self._pending: list[Tensor] = []
        self._begin = self._written = self._drawn = time.monotonic()
        self.bar.max = epochs * steps
        self.bar.value = self._done
        self.bar.bar_style = ""
        self.stop.disabled = False
        self.words.value = f"<b>{html.escape(self.runs[-1].label)}</b>: the first steps …"
        self._redraw()
        self._show_below_the_cell()

    def step(self, loss: Tensor) -> None:
        """Count a step; now and then show how it goes."""
        self._listen()
        self._done += 1
        self._pending.append(loss)
        now = time.monotonic()
        if now - self._written < PAUSE:
            return
        self._written = now
        self._add_point()
        run = self.runs[-1]
        left = (now - self._begin) * (self.bar.max - self._done) / (self._done - self._before)
        self.bar.value = self._done
        self.words.value = (
            f"<b>{html.escape(run.label)}</b>: epoch {(self._done - 1) // self._steps + 1} of "
            f"{run.epochs}, loss {run.losses[-1][1]:.3f}, about {_clock(left)} left"
        )
        if now - self._drawn >= PAUSE_BETWEEN_PICTURES:
            self._drawn = now
            self._redraw()

    def epoch(self, row: EpochRow) -> None:
        """Add the numbers of an epoch to the picture."""
        self._add_point()
        self.runs[-1].rows.append(row)
        self._redraw()

    def finish(self) -> None:
        """Say how it ended."""
        self.stop.disabled = True
        self.bar.value = self._done
        # All steps may have been counted when the last loss turns out to be no number.
        finished = self._done == self.bar.max and len(self.runs[-1].rows) == self.runs[-1].epochs
        self.bar.bar_style = "success" if finished else "warning"
        early = "stopped" if self.stopped else "broken off"
        self.runs[-1].ended = "" if finished else early
        word = "finished" if finished else early
        seconds = _clock(time.monotonic() - self._begin)
        self.words.value = f"<b>{html.escape(self.runs[-1].label)}</b>: {word} after {seconds}"
        self._redraw()

    # Its static form.

    def still(self) -> Svg:
        """Draw the curves of all runs."""
        return training_curves(self.runs)

    def to_html(self) -> str:
        """Return the curves as they are, with the last numbers of the runs below them."""
        return figure_html(self.still(), self.describe())

    # How it works.

    def _listen(self) -> None:
        """Let the button's click in while the cell is still busy.

        JupyterLab sends a click to a second thread of the kernel, which is free. But ipykernel 7.4
        sends it back to the thread that last wrote to the button, and that one is training.
        """
        if self.stop.comm is not None:
            vars(self.stop.comm).pop("_reply_subshell_id", None)

    def _show_below_the_cell(self) -> None:
        shell = get_ipython()
        cell = getattr(shell, "execution_count", None)
        if shell is not None and self._cell not in (cell, "everywhere"):
            self._cell = cell
            self.show_live("The curves move here while the cell runs.")

    def _ipython_display_(self, **options: object) -> None:
        self._cell = "everywhere"  # where the learner wants it
        super()._ipython_display_(**options)

    def _add_point(self) -> None:
        if self._pending:
            loss = torch.stack(self._pending).mean().item()
            self.runs[-1].losses.append((self._done / self._steps, loss))
            self._pending = []


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
