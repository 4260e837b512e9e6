"""How to train: every number of a run in one place."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torchvision.transforms import v2

from resnet_course.blocks import check_sizes
from resnet_course.data.augment import Augment, name_of

OF_SGD = ("lr", "momentum", "weight_decay")  # numbers of the optimisers that `fit` makes by itself


def has_fast_bfloat16(device: str = "cpu") -> bool:
    """Return whether a kind of device ("cpu", "cuda", ...) has instructions for bfloat16.

    With them 16 bits gain a factor of two to three, without them they lose. The hardware decides
    and not a stopwatch: two equal runs must decide alike, or their weights differ.
    """
    if device == "cuda":  # older GPUs compute bfloat16 too, slowly, by way of 32 bits
        return torch.cuda.get_device_capability() >= (8, 0)
    # Not public, so one of them may be gone some day; `bool` then answers False.
    names = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return device == "cpu" and any(getattr(torch.cpu, name, bool)() for name in names)


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
        augment: random changes of the training images: an `Augment`; a transform of
            `torchvision.transforms.v2`, which becomes `Augment(0, False, each=…)`, so that it is
            called for each picture; or another function of a batch. None shows them as they are.
        seed: of the order of the images. Weights and `augment` use torch's own generator, so call
            `torch.manual_seed` before you build the model to repeat a run.
        flip_test: measure with the mean answer to each picture and to its mirror image.
        bfloat16: 16 bits in convolutions; None: where the processor has instructions for it.
        device: "cpu", "cuda", "mps", ...; None takes a GPU of NVIDIA if there is one, else the CPU.
        sync_batch_norm: where several processes share a batch, batch norm takes mean and variance
            of all of it, not of each part. On the CPU that is `BatchNorm2d` only, on GPUs every
            kind of batch norm.
        optimizer: a function that gets the model, on its device, and returns the optimiser in place
            of SGD: `lambda model: torch.optim.AdamW(model.parameters(), lr=1e-3)`. It may give
            groups of parameters rates of their own. Each rate is the highest of the run for its
            group: all rise and fall together, as `lr` does, and nothing else of the optimiser is
            moved. `lr`, `momentum` and `weight_decay` are of SGD only, so leave them out then.
            Or "muon", which is `train.Muon` with these three numbers; momentum then stays as it is.

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
    augment: Augment | Callable[[Tensor], Tensor] | None = None
    seed: int = 0
    flip_test: bool = False
    bfloat16: bool | None = None
    device: str | None = None
    sync_batch_norm: bool = False
    optimizer: Callable[[nn.Module], Optimizer] | Literal["muon"] | None = None

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
        if isinstance(self.augment, v2.Transform):  # on a batch it would change all alike
            object.__setattr__(self, "augment", Augment(0, False, each=self.augment))
        self._check_optimizer()
        function = self.augment is None or callable(self.augment)
        for name, right, words in (
            ("augment", function, "an Augment or another function of a batch"),
            ("lr", self.lr > 0, "more than 0"),
            ("warm_up", 0 < self.warm_up < 1, "between 0 and 1"),
            ("momentum", 0 <= self.momentum < 1, "at least 0 and below 1"),
            ("label_smoothing", 0 <= self.label_smoothing < 1, "at least 0 and below 1"),
            ("weight_decay", 0 <= self.weight_decay < math.inf, "at least 0 and below inf"),
        ):
            if not right:
                raise ValueError(f"{name} must be {words}, got {getattr(self, name)!r}.")

    def _check_optimizer(self) -> None:
        make = self.optimizer
        if make in (None, "muon"):
            return
        # The class, or `partial` of it, would take the model for a list of parameters.
        kind = getattr(make, "func", make)
        if not callable(make) or isinstance(kind, type) and issubclass(kind, Optimizer):
            got = kind.__name__ if isinstance(kind, type) else type(make).__name__
            raise ValueError(
                "optimizer must be a function that gets the model and returns its optimiser, such "
                'as lambda model: torch.optim.AdamW(model.parameters(), lr=1e-3), or "muon", got '
                f"{'the class ' if isinstance(kind, type) else 'an object of type '}{got}."
            )
        default = {field.name: field.default for field in fields(self)}
        if given := [name for name in OF_SGD if getattr(self, name) != default[name]]:
            raise ValueError(
                f"{' and '.join(given)} would have no effect beside optimizer, which makes its own "
                "optimiser: give it there."
            )

    def as_data(self) -> dict[str, Any]:
        """Return the numbers and texts of this recipe, for a checkpoint.

        A function of yours is there by its name: a checkpoint holds no code. What is not used, the
        numbers of SGD or `optimizer`, is left out.
        """
        data = {field.name: getattr(self, field.name) for field in fields(self)}
        if isinstance(self.augment, Augment):
            data["augment"] = self.augment.as_data()
        elif self.augment is not None:
            data["augment"] = name_of(self.augment)
        if self.optimizer is None:
            del data["optimizer"]
        elif callable(self.optimizer):
            data = {k: v for k, v in data.items() if k not in OF_SGD}
            data["optimizer"] = name_of(self.optimizer)
        return data

    def bfloat16_on(self, device: torch.device) -> bool:
        """Return whether `fit` computes with 16 bits on this device."""
        return has_fast_bfloat16(device.type) if self.bfloat16 is None else self.bfloat16
