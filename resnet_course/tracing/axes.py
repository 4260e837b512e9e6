"""Along which axis does the batch lie? Layers tell, once they get their input."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from resnet_course.tracing.functions import Geometry

SEQUENCES = (nn.RNNBase, nn.MultiheadAttention, nn.Transformer)


class OtherBatchAxisError(Exception):
    """A layer shows that the batch lies along another axis, or that there is none."""

    def __init__(self, axis: int | None) -> None:
        self.axis = axis


def has_batch(inputs: Sequence[Tensor]) -> bool:
    """A row of decimal numbers has no batch axis, nor has a single number."""
    first = inputs[0] if inputs else None
    return first is not None and first.ndim >= (2 if first.is_floating_point() else 1)


def picture_axes(tensor: Tensor, batch_axis: int | None) -> range:
    """The axes along which the receptive field is measured: not batch, not channels."""
    if batch_axis == 1:
        return range(1)  # the steps of a sequence
    channels = 1 if tensor.is_floating_point() else 0
    return range((batch_axis is not None) + channels, tensor.ndim)


def check_window(geometry: Geometry | None, tensor: Tensor) -> None:
    """A window of two axes on a tensor of three: there is no batch axis.

    Raises:
        OtherBatchAxisError: the batch does not lie along the first axis.
    """
    if geometry and geometry.kernel and tensor.ndim == len(geometry.kernel) + 1:
        raise OtherBatchAxisError(None)


def check_sequence(module: nn.Module, tensor: Tensor, given: Tensor, alone: bool) -> None:
    """A sequence model that takes the network's input as it is tells where its batch lies.

    Args:
        module: one of SEQUENCES.
        tensor: what it gets.
        given: the network's first input.
        alone: the module is the network.

    Raises:
        OtherBatchAxisError: the batch does not lie along the first axis.
    """
    wanted = None if tensor.ndim == 2 else 0 if getattr(module, "batch_first", False) else 1
    unchanged = tensor.shape[:2] == given.shape[:2]
    # With as many steps as pictures, no one can tell whether the axes were exchanged before.
    certain = tensor.ndim == given.ndim == 2 or len(set(given.shape[:2])) == 2
    if wanted != 0 and (alone or (unchanged and certain)):
        raise OtherBatchAxisError(wanted)
