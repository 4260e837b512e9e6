"""How to train: every number of a run in one place."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

import torch

from resnet_course.blocks import check_sizes
from resnet_course.data.augment import Augment
from resnet_course.train.precision import has_fast_bfloat16


@dataclass(frozen=True)
class TrainConfig:
    """How to train. The defaults suit small networks on 28×28 pictures.

    Attributes:
        epochs: passes over the training images.
        batch_size: images per step, those of all processes together.
        lr: the highest learning rate of the run.
        warm_up: share of the run in which the learning rate rises to `lr`; then it falls.
        momentum: of SGD. 0 takes plain steps. With every other value the steps are Nesterov's, and
            OneCycleLR moves the momentum: from 0.95 down to 0.85 at the highest rate, and back.
        weight_decay: pull of all weights towards zero.
        label_smoothing: share of the label that is spread over all classes.
        augment: random changes of the training images; None shows them as they are.
        seed: of the order of the images. Weights and `augment` use torch's own generator, so call
            `torch.manual_seed` before you build the model to repeat a run.
        flip_test: measure with the mean answer to each picture and to its mirror image.
        bfloat16: 16 bits in convolutions; None: where the processor has instructions for it.
        device: "cpu", "cuda", ...; None takes a GPU if there is one.
        sync_batch_norm: where several processes share a batch, batch norm takes mean and variance
            of all of it, not of each part.

    Raises:
        ValueError: for numbers outside their range; the message says the range.
    """

    epochs: int = 4
    batch_size: int = 128
    lr: float = 0.1
    warm_up: float = 0.3
    momentum: float = 0.9
    weight_decay: float = 5e-4
    label_smoothing: float = 0.0
    augment: Augment | None = None
    seed: int = 0
    flip_test: bool = False
    bfloat16: bool | None = None
    device: str | None = None
    sync_batch_norm: bool = False

    def __post_init__(self) -> None:
        check_sizes(epochs=self.epochs, batch_size=self.batch_size)
        for name in ("epochs", "batch_size"):
            object.__setattr__(self, name, int(getattr(self, name)))
        for name in ("lr", "warm_up", "momentum", "weight_decay", "label_smoothing"):
            # A number of NumPy would be code in a checkpoint, which holds data only.
            try:
                object.__setattr__(self, name, float(getattr(self, name)))
            except (TypeError, ValueError):
                given = getattr(self, name)
                raise ValueError(f"{name} must be a number, got {given!r}.") from None
        if self.augment is not None and not callable(self.augment):
            raise ValueError(
                f"augment must be an Augment or another function of a batch, got {self.augment!r}."
            )
        for name in ("flip_test", "sync_batch_norm", "bfloat16"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, bool(getattr(self, name)))
        if self.device is not None:
            try:
                torch.device(self.device)
            except (RuntimeError, TypeError):
                raise ValueError(
                    f'device must be "cpu", "cuda" (a GPU of NVIDIA) or "mps" (of Apple), or None, '
                    f"got {self.device!r}."
                ) from None
        if not self.lr > 0:
            raise ValueError(f"lr must be more than 0, got {self.lr!r}.")
        if not 0 < self.warm_up < 1:
            raise ValueError(f"warm_up must be between 0 and 1, got {self.warm_up!r}.")
        for name, end in (("momentum", 1), ("label_smoothing", 1), ("weight_decay", float("inf"))):
            if not 0 <= getattr(self, name) < end:
                raise ValueError(
                    f"{name} must be at least 0 and below {end}, got {getattr(self, name)!r}."
                )

    def as_data(self) -> dict[str, Any]:
        """Return the numbers and texts of this recipe, for a checkpoint.

        An `augment` that is a function of yours is there by its name: a checkpoint holds no code.
        """
        data = {field.name: getattr(self, field.name) for field in fields(self)}
        if isinstance(self.augment, Augment):
            data["augment"] = asdict(self.augment)
        elif self.augment is not None:
            data["augment"] = getattr(self.augment, "__qualname__", type(self.augment).__qualname__)
        return data

    def bfloat16_on(self, device: torch.device) -> bool:
        """Return whether `fit` computes with 16 bits on this device."""
        return has_fast_bfloat16(device.type) if self.bfloat16 is None else self.bfloat16
