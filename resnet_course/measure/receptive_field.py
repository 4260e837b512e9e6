"""Measure what one value of a network can see, by autograd."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from resnet_course.blocks import is_whole
from resnet_course.measure.aside import run_aside, unwrapped
from resnet_course.measure.feature_maps import listening
from resnet_course.measure.smooth import Smooth
from resnet_course.train.inputs import check_autograd, check_model
from resnet_course.train.steps import evaluation_mode


def measured_receptive_field(
    model: nn.Module, input_shape: Sequence[int], layer: str | None = None
) -> tuple[int, ...]:
    """Find by autograd how many input pixels one value in the middle of a layer's map can see.

    The network runs with random positive weights, and smooth functions stand in for those that
    select values or cut them off, such as max pooling and ReLU: then no path is shut or cancels
    another, and every pixel that can have an influence shows up with a gradient.

    Args:
        model: any network of pictures, or of signals (batch, channels, length), or of volumes.
        input_shape: (1, channels, height, width); take it larger than the field you expect. Three
            numbers are one picture (channels, height, width) where the model takes pictures.
        layer: name of a module, "layer4"; None measures the output of the model itself. Of an
            output (batch, features), all features count together. A map with the channels last, as
            inside Swin, cannot be measured.

    Returns:
        height and width of the region in pixels; for other inputs, its size along each axis after
        the channels. A region that touches the picture's edge was cut off there: measure again
        with a larger input.

    Raises:
        ValueError: if there is no such layer, no pixel has an influence on it, or model and shape
            are not such.
    """
    check_autograd()
    check_model(model)
    if not isinstance(input_shape, Sequence) or not all(map(is_whole, input_shape)):
        raise ValueError(
            f"input_shape must be whole numbers such as (1, 3, 512, 512), got {input_shape!r}."
        )
    shape, modules = tuple(input_shape), dict(model.named_modules())
    if len(shape) < 3:
        raise ValueError(
            f"input_shape must be (batch, channels, height, width), got {shape}: a picture needs a "
            "batch axis and channels, (1, 1, 28, 28)."
        )
    if layer is not None and layer not in modules:
        close = [name for name in modules if name and "." not in name]
        raise ValueError(f"no layer {layer!r} in the model; there is {', '.join(close)}.")
    if len(shape) == 3:
        try:
            return _measure(model, (1, *shape), layer or "")
        except ValueError as error:
            first = error  # it says what is wrong, if the second try fails too
        except RuntimeError:
            first = None
        try:  # it may be (batch, channels, length)
            return _measure(model, shape, layer or "")
        except (RuntimeError, ValueError):
            if first is None:
                raise
        raise first
    return _measure(model, shape, layer or "")


def _measure(model: nn.Module, shape: tuple[int, ...], layer: str) -> tuple[int, ...]:
    with evaluation_mode(model), torch.enable_grad():
        target = dict(model.named_modules())[layer]
        model = unwrapped(model)
        generator = torch.Generator().manual_seed(0)

        def draw(shape: Sequence[int]) -> Tensor:
            return torch.rand(shape, generator=generator, dtype=torch.float64) + 0.5

        x = draw(shape).requires_grad_()
        outputs: list[object] = [None]
        with listening({layer: target}, lambda _, output: outputs.append(output)), Smooth():
            # A copy, because a first layer may work in place.
            result = run_aside(model, x.clone(), _stand_ins(model, draw))
        output = outputs[-1] if layer else result
        while isinstance(output, (tuple, list)) and output:
            output = output[0]
        name = layer or type(model).__name__
        if not isinstance(output, Tensor):
            raise ValueError(f"{name} passed on no tensor: is it part of the forward pass?")
        index = (0, slice(None), *(size // 2 for size in output.shape[2:]))
        middle = output[index[: output.ndim]]
        seen = torch.zeros(shape[2:], dtype=torch.bool)
        if middle.requires_grad:
            with Smooth():  # for layers that are computed again in the backward pass
                loss = (middle * draw(middle.shape)).sum()
                (gradient,) = torch.autograd.grad(loss, x, allow_unused=True)
            seen = seen if gradient is None else (gradient[0] != 0).any(0)
    if not seen.any():
        raise ValueError(f"no pixel of {shape} has an influence on {name} by a gradient.")
    places = seen.nonzero()
    return tuple((places.amax(0) - places.amin(0) + 1).tolist())


def _stand_ins(model: nn.Module, draw: Callable[[Sequence[int]], Tensor]) -> dict[str, Tensor]:
    """Return random positive parameters, and buffers with which batch norm changes nothing."""
    values = {}
    for name, p in model.named_parameters():
        # One over the number of inputs keeps the size of the values.
        value = draw(p.shape) / (p[0].numel() if p.ndim > 1 else 1)
        values[name] = value.to(torch.promote_types(p.dtype, torch.float64))
    for name, buffer in model.named_buffers():
        values[name] = buffer.detach().to("cpu", copy=True)
        if buffer.is_floating_point():
            values[name] = values[name].double()
        if name.endswith(("running_mean", "running_var")):
            values[name].fill_(name.endswith("var"))
    return values
