"""Watching a training run: what `fit` tells while it works, and how it hears when to stop."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor
from tqdm.auto import tqdm

from resnet_course.train.history import EpochRow


class Watcher(Protocol):
    """Who watches a run. `fit` calls `start`, then `step` and `epoch` many times, then `finish`.

    Attributes:
        stopped: `fit` looks at it after every step; if it is true, this step was the last one.
    """

    stopped: bool

    def start(self, label: str, epochs: int, steps: int, done: int = 0) -> None:
        """Hear that a run begins: its name, its epochs, its steps per epoch.

        A run that is resumed has `done` epochs behind it; `epoch` tells them again after this.
        """

    def step(self, loss: Tensor) -> None:
        """Hear the loss of one step, a single number on the device of the model.

        Reading it (`loss.item()`) makes the processor wait for a GPU: not in every step.
        """

    def epoch(self, row: EpochRow) -> None:
        """Hear the numbers of a finished epoch."""

    def finish(self) -> None:
        """Hear that the run is over, also when it ended with an error."""


class ProgressBar(Watcher):
    """A bar with the epoch, the loss and the time left; `show=False` draws nothing."""

    stopped = False

    def __init__(self, show: bool = True) -> None:
        self.show = show

    def start(self, label: str, epochs: int, steps: int, done: int = 0) -> None:
        """Draw the bar, empty or, for a resumed run, as far as it is."""
        self._steps = steps
        self._bar = tqdm(
            total=epochs * steps,
            initial=done * steps,
            desc=label,
            disable=not self.show,
            leave=False,
            # Every drawing is a few messages to the notebook. Where nobody reads them at once, as
            # while a test waits for the cell to end, 2,000 fill the queue, and later ones are lost.
            mininterval=0.5,
        )

    def step(self, loss: Tensor) -> None:
        """Move on by one step."""
        if self._bar.update():  # the bar says when it is time to draw: only then read the loss
            epoch = (self._bar.n - 1) // self._steps + 1
            self._bar.set_postfix_str(f"epoch={epoch}, loss={loss.item():.3f}", refresh=False)

    def finish(self) -> None:
        """Remove the bar."""
        self._bar.close()
