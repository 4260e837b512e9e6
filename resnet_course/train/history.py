"""What a training run leaves behind: one row of numbers per epoch."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import astuple, dataclass, field, fields


@dataclass(frozen=True)
class EpochRow:
    """One epoch. Accuracies are shares from 0 to 1, times are seconds since the start.

    `train_loss` and `train_accuracy` are means over the epoch's batches, taken while the network
    was still changing; `test_accuracy` is measured after the epoch.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    test_accuracy: float
    seconds: float


@dataclass
class History:
    """The rows of a run, with the name of the images that it saw."""

    source: str  # `Splits.source`; "loaders" if the images came by loaders
    rows: list[EpochRow] = field(default_factory=list)  # one an epoch, even if cut short
    step_losses: list[float] = field(default_factory=list)  # of every single step
    interrupted: str = ""  # after which step an epoch was broken off, in words

    def __iter__(self) -> Iterator[EpochRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def last(self) -> EpochRow:
        """The last epoch that was measured. Raises a ValueError if there is none."""
        if not self.rows:
            raise ValueError("no epoch is finished yet, so there is no last row.")
        return self.rows[-1]

    @property
    def best(self) -> EpochRow:
        """The epoch with the highest test accuracy, the first of several; errors as in `last`."""
        return max(self.rows or [self.last], key=lambda row: row.test_accuracy)

    def csv(self) -> str:
        """Return the rows as a table with a header: one column for each number of `EpochRow`."""
        file = io.StringIO(newline="")
        names = [field.name for field in fields(EpochRow)]
        csv.writer(file).writerows([names, *map(astuple, self.rows)])
        return file.getvalue()

    def column(self, name: str) -> list[float]:
        """Return one number of every epoch, `history.column("test_accuracy")`."""
        return [getattr(row, name) for row in self.rows]

    def __str__(self) -> str:
        head = f"epoch  train loss  train acc.  test acc.   ({self.source})"
        lines = [
            f"{row.epoch:5d}  {row.train_loss:10.4f}  {row.train_accuracy:10.1%}"
            f"  {row.test_accuracy:9.1%}"
            for row in self.rows
        ]
        return "\n".join(filter(None, [head, *lines, self.interrupted]))
