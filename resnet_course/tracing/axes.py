"""Along which axis does the batch lie? Layers tell, once they get their input."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from resnet_course.tracing.functions import Geometry

SEQUENCES = (nn.RNNBase, nn.MultiheadAttention, nn.Transformer)


class OtherAxesError(Exception):
    """A layer shows that the axes of the input mean something else.

    Attributes:
        batch: the axis of the batch; None if there is none.
        steps: the input is a sequence, with its features last: (batch, steps, features).
    """

    def __init__(self, batch: int | None, steps: bool = False) -> None:
        self.batch, self.steps = batch, steps


def has_batch(inputs: Sequence[Tensor]) -> bool:
    """A row of decimal numbers has no batch axis, nor has a single number."""
    first = inputs[0] if inputs else None
    return first is not None and first.ndim >= (2 if _is_decimal(first) else 1)


def _is_decimal(tensor: Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def picture_axes(tensor: Tensor, batch_axis: int | None, steps: bool) -> range:
    """The axes along which the receptive field is measured: not batch, not channels."""
    if batch_axis == 1:
        return range(1)  # the steps of a sequence
    if steps and tensor.is_floating_point() and tensor.ndim == 2 + (batch_axis is not None):
        return range(tensor.ndim - 2, tensor.ndim - 1)
    before = int(batch_axis is not None)
    # Whole numbers are tokens, or pixels with a channel.
    has_channels = _is_decimal(tensor) or tensor.ndim - before >= 3
    return range(before + has_channels, tensor.ndim)


def check_window(geometry: Geometry, tensor: Tensor) -> None:
    """A window of two axes on a tensor of three: there is no batch axis, an OtherAxesError."""
    if geometry.kernel and tensor.ndim == len(geometry.kernel) + 1:
        raise OtherAxesError(None)


def check_features(kind: str, tensor: Tensor, steps: bool) -> None:
    """A linear layer on an input of three axes: it is a sequence, and its features come last.

    Where the input was not taken for one, that is an OtherAxesError.
    """
    if kind in ("linear", "layer_norm") and tensor.ndim == 3 and not steps:
        raise OtherAxesError(0, steps=True)


def check_sequence(
    module: nn.Module, tensor: Tensor, given: Tensor, *, alone: bool, steps: bool
) -> None:
    """A sequence model that gets the network's first input as it is `given` tells its axes.

    Where the batch does not lie along the first one, or the input was not taken for a sequence
    (`steps`), that is an OtherAxesError. `alone`: the module is the whole network.
    """
    wanted = None if tensor.ndim == 2 else 0 if getattr(module, "batch_first", False) else 1
    unchanged = tensor.shape[:2] == given.shape[:2]
    # With as many steps as pictures, no one can tell whether the axes were exchanged before.
    certain = tensor.ndim == given.ndim == 2 or len(set(given.shape[:2])) == 2
    if wanted != 0 and (alone or (unchanged and certain)):
        raise OtherAxesError(wanted, steps=True)
    if not steps and tensor is given and tensor.ndim == 3:
        raise OtherAxesError(0, steps=True)
