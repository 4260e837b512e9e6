"""A pair of loaders in place of `Splits`: pictures of any kind, which come in batches.

A loader is whatever gives pairs (pictures, labels) anew with every `for`: torch's `DataLoader`, a
`TensorBatches`, a list of pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from resnet_course.data import TensorBatches
from resnet_course.train import inputs
from resnet_course.train.randomness import random_states, set_random_states
from resnet_course.train.steps import Batches, pairs

ANEW = "a list or a DataLoader begins anew with every epoch, a generator does not"


class LoaderBatches:
    """The batches of one loader, as `fit` needs them: counted, looked at, on the right device.

    Each batch is (x, y): floats (batch, channels, height, width) and int64 (batch,), on `device`.
    Labels are compared with the number of `classes`, if it is known. `epoch` counts the passes; a
    `TensorBatches` is told it, so that the order of a pass depends on its number alone. The `len`
    of the loader says how many batches a pass has; without a `len`, one pass is counted.
    `name` is "training" or "test".

    Raises:
        ValueError: it is no loader, or gives no batch. In a pass: a batch is no pair of pictures
            and labels, or there are more or fewer batches than before.
    """

    def __init__(self, loader: Batches, name: str) -> None:
        self.loader, self.name = loader, name
        self.device, self.classes, self.epoch = torch.device("cpu"), None, 0
        if isinstance(loader, Iterator):
            raise ValueError(f"the {name} loader gives its batches only once: {ANEW}.")
        try:
            self._steps = len(loader)
        except TypeError:  # no `len`, as of the loader of a stream
            with undisturbed(loader):
                self._steps = sum(1 for _ in loader)
        if self._steps == 0:
            raise ValueError(f"the {name} loader gives no batch.")

    def __len__(self) -> int:
        """Return the number of batches in a pass."""
        return self._steps

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Begin a pass."""
        if isinstance(self.loader, TensorBatches):  # a resumed run has a new one, which begins at 0
            self.loader.epoch = self.epoch
        self.epoch += 1
        return self._batches()

    def first(self) -> tuple[Tensor, Tensor]:
        """Return the first batch of a pass that does not count: no random number is used up."""
        with undisturbed(self.loader):
            batch = next(self._batches(), None)
        if batch is None:
            raise ValueError(f"the {self.name} loader gives no batch.")
        return batch

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        count, steps = 0, self._steps
        for x, y in pairs(self.loader):
            count += 1
            if count > steps:
                raise ValueError(
                    f"the {self.name} loader gives more batches than the {steps} that it has by "
                    "its len, or in its first pass."
                )
            self.check(x, y)
            yield x.to(self.device), y.to(self.device)
        if count < steps:
            raise ValueError(
                f"the {self.name} loader gives {count} batches in pass {self.epoch or 1}, but has "
                f"{steps} by its len, or in its first pass: {ANEW}."
            )

    def check(self, x: object, y: object) -> None:
        """Raise a ValueError if this is no batch for the network."""
        inputs.check_pictures(x, f"a {self.name} batch")
        inputs.check_tensor(f"labels of a {self.name} batch", y)
        if len(x) == 0:
            raise ValueError(f"a {self.name} batch is empty.")
        if self.classes is not None and not y.is_cuda:  # to read it would make Python wait
            inputs.check_labels(y, len(x), self.classes, f"labels of a {self.name} batch")


@dataclass(frozen=True)
class Loaders:
    """Two loaders, which `fit` takes in place of `Splits`."""

    train: LoaderBatches
    test: LoaderBatches
    source: str = "loaders"


def pair_of_loaders(value: object) -> Loaders | None:
    """Return a pair (training loader, test loader) as `Loaders`, or None if it is no such pair.

    Raises:
        ValueError: they are loaders, but `fit` cannot use them: see `LoaderBatches`.
    """
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        return None
    for loader, name in zip(value, ("training", "test"), strict=True):
        if isinstance(loader, Dataset):
            raise ValueError(
                f"the {name} loader is a data set, which gives single pictures: "
                "DataLoader(…, batch_size=128) makes batches of them."
            )
    # A tensor can be gone through too, but its rows are no batches.
    if not all(isinstance(v, Iterable) and not isinstance(v, (Tensor, np.ndarray)) for v in value):
        return None
    return Loaders(LoaderBatches(value[0], "training"), LoaderBatches(value[1], "test"))


@contextmanager
def undisturbed(loader: Batches | None) -> Iterator[None]:
    """Leave the global generators, and the loader's own `generator` and `epoch`, as they were."""
    states, own = random_states(), getattr(loader, "generator", None)
    own = own if isinstance(own, torch.Generator) else None
    kept = None if own is None else own.get_state()
    epoch = loader.epoch if isinstance(loader, TensorBatches) else None
    try:
        yield
    finally:
        set_random_states(states)
        if own is not None:
            own.set_state(kept)
        if epoch is not None:
            loader.epoch = epoch
