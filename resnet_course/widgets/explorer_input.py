"""What goes into the networks that the explorer shows: a picture, a shape, or anything else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from resnet_course.blocks import is_whole
from resnet_course.tracing import trace
from resnet_course.tracing.rows import TraceError
from resnet_course.train.inputs import check_pictures


@dataclass(frozen=True)
class Input:
    """An input, and the size of the picture in it.

    Attributes:
        given: what `trace` takes.
        shape: (batch, channels, height, width); what named networks get if there is no picture.
        is_picture: can it be given in another size?
    """

    given: Any
    shape: tuple[int, int, int, int] = (1, 3, 224, 224)
    is_picture: bool = False

    def resized(self, channels: int, size: int) -> tuple[int, int, int, int]:
        """Return the shape with other channels and another height; a new size is a square."""
        batch, _, height, width = self.shape
        return batch, channels, size, width if size == height else size


def read_input(model: nn.Module | None, given: Any) -> Input:
    """Look at what a learner gives; `model` is None for a network that goes by its name.

    Raises:
        ValueError: it is neither a shape nor an example.
    """
    if _holds_tensors(given):
        if model is None:
            raise ValueError(
                "a name stands for a network without weights, so it can make nothing of a picture: "
                "give the network itself, create_model(name), or only a shape."
            )
        if isinstance(given, Tensor) and given.ndim == 3:
            given = _with_batch_axis(model, given)
        is_picture = isinstance(given, Tensor) and given.ndim == 4
        return Input(given, tuple(given.shape), True) if is_picture else Input(given)
    if not isinstance(given, (tuple, list, torch.Size)) or not all(map(is_whole, given)):
        raise ValueError(
            "picture_or_shape must be a picture as the model takes it, or whole numbers such as "
            f"(1, 3, 224, 224), got {given!r}."
        )
    shape = (1, *given) if len(given) == 3 else tuple(given)
    if model is None and len(shape) != 4:
        raise ValueError(
            "a name stands for a network that takes pictures: give (channels, height, width) such "
            f"as (3, 224, 224), got {given!r}."
        )
    return Input(tuple(given), shape, True) if len(shape) == 4 else Input(tuple(given))


def refuse_pixels(given: Any) -> None:
    """Raise a ValueError if a network has failed for pictures whose pixels are still 0 … 255."""
    if isinstance(given, Tensor) and given.ndim == 4 and given.dtype == torch.uint8:
        check_pictures(given, "picture_or_shape")


def _with_batch_axis(model: nn.Module, x: Tensor) -> Tensor:
    """Return one picture as a batch, if the model is one for pictures."""
    if any(isinstance(module, nn.Conv2d) for module in model.modules()):
        try:
            trace(model, x[None])
        except TraceError:
            return x
        return x[None]
    return x


def _holds_tensors(value: object) -> bool:
    """Is it an example for a forward pass, in place of one shape?"""
    return isinstance(value, (Tensor, dict)) or (
        isinstance(value, (tuple, list))
        and any(isinstance(v, (Tensor, dict, tuple, list)) for v in value)
    )
