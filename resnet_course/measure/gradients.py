"""Measure what flows through a network: gradients backward, activations forward.

All functions leave the model as it is: weights, gradients, buffers, mode and hooks.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from resnet_course.blocks import is_whole
from resnet_course.measure.feature_maps import listening
from resnet_course.train.inputs import check_labels, check_logits, check_model, check_pictures, run

WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)


def gradient_norms(model: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """Return how strongly the loss pulls at each layer: ‖∂ cross-entropy / ∂ weight‖₂.

    The model runs in the mode it is in; batch statistics of BatchNorm are not recorded.

    Args:
        model: a classifier, (batch, ...) → logits (batch, classes).
        x: one batch of inputs.
        y: its labels, int64 (batch,).

    Returns:
        layer name → L2 norm, for every convolution and linear layer in the order of the model;
        0.0 for a layer that the loss does not depend on.

    Raises:
        ValueError: model, inputs or labels are not such.
    """
    check_model(model)
    check_pictures(x)
    layers = {name: m for name, m in model.named_modules() if isinstance(m, WEIGHTED)}
    if not layers:
        kind = type(model).__name__
        raise ValueError(f"{kind} has no convolution and no linear layer to measure.")
    weights = [layer.weight.detach().requires_grad_() for layer in layers.values()]
    stand_ins = {f"{name}.weight".lstrip("."): w for name, w in zip(layers, weights, strict=True)}
    with torch.enable_grad():
        logits = _run_aside(model, x, stand_ins)
        check_logits(logits, len(x), model)
        check_labels(y, len(x), logits.shape[1], "y")
        loss = F.cross_entropy(logits, y)
        gradients = torch.autograd.grad(loss, weights, allow_unused=True)
    return {
        name: 0.0 if gradient is None else gradient.cpu().double().norm().item()
        for name, gradient in zip(layers, gradients, strict=True)
    }


@dataclass(frozen=True)
class ActivationStats:
    """One layer's output in numbers.

    Attributes:
        mean, std: of all values.
        batch_std: how much one value differs between the examples of the batch, as a standard
            deviation, averaged over the values; near 0 all examples look alike to the layer.
        zeros: share of values that are exactly zero.
    """

    mean: float
    std: float
    batch_std: float
    zeros: float


def activation_stats(model: nn.Module, x: Tensor) -> dict[str, ActivationStats]:
    """Run one batch and describe the output of every layer that has no child modules.

    Args:
        model: any module that takes `x`; it runs in the mode it is in.
        x: one batch of inputs.

    Returns:
        layer name → `ActivationStats` in the order of execution. The second call of a layer
        that is used again gets the name "name (2)".

    Raises:
        ValueError: model or inputs are not such.
    """
    check_model(model)
    check_pictures(x)
    stats: dict[str, ActivationStats] = {}
    calls: Counter[str] = Counter()

    def record(name: str, output: object) -> None:
        if not isinstance(output, Tensor) or not output.is_floating_point():
            return
        calls[name] += 1
        key = name if calls[name] == 1 else f"{name} ({calls[name]})"
        values = output.detach().float()
        stats[key] = ActivationStats(
            mean=values.mean().item(),
            std=values.std(correction=0).item(),
            batch_std=values.std(dim=0, correction=0).mean().item(),
            zeros=(values == 0).float().mean().item(),
        )

    modules = {name or type(m).__name__: m for name, m in model.named_modules()}
    layers = {name: m for name, m in modules.items() if next(m.children(), None) is None}
    with torch.no_grad(), listening(layers, record):
        _run_aside(model, x, {})
    return stats


def measured_receptive_field(
    model: nn.Module, input_shape: Sequence[int], layer: str | None = None
) -> tuple[int, int]:
    """Find by autograd how many input pixels one value in the middle of a layer's map can see.

    A copy of the model gets equal positive weights, average pooling in place of max pooling and
    no batch normalisation: then no path cancels another, and every pixel that can have an
    influence shows up with a gradient.

    Args:
        model: a convolutional network.
        input_shape: (1, channels, height, width); take it larger than the field you expect.
        layer: name of a module, "layer4"; None measures the output of the model itself.

    Returns:
        height and width of the region in pixels. A region that touches the picture's edge was
        cut off there: measure again with a larger input.

    Raises:
        ValueError: if there is no such layer, its output is no map (batch, channels, H, W), or
            model and shape are not such.
    """
    check_model(model)
    if not isinstance(input_shape, Sequence) or not all(map(is_whole, input_shape)):
        raise ValueError(
            f"input_shape must be whole numbers such as (1, 3, 512, 512), got {input_shape!r}."
        )
    model = _all_positive(model)
    modules = dict(model.named_modules())
    if layer is not None and layer not in modules:
        close = [name for name in modules if name and "." not in name]
        raise ValueError(f"no layer {layer!r} in the model; there is {', '.join(close)}.")
    caught: list[Tensor] = []
    target = model if layer is None else modules[layer]
    target.register_forward_hook(lambda _module, _args, output: caught.append(output))
    x = torch.ones(tuple(input_shape), requires_grad=True)
    run(model, x)
    output = caught[-1]
    if output.ndim != 4:
        raise ValueError(
            f"{layer or type(model).__name__} gives shape {tuple(output.shape)}, but only a map "
            f"(batch, channels, height, width) has a receptive field to measure."
        )
    middle = output[0, :, output.shape[2] // 2, output.shape[3] // 2].sum()
    (gradient,) = torch.autograd.grad(middle, x)
    seen = gradient[0].abs().sum(0) > 0
    rows, columns = seen.any(1).nonzero(), seen.any(0).nonzero()
    return int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1


def _run_aside(model: nn.Module, x: Tensor, weights: dict[str, Tensor]) -> object:
    """Run the model with other weights, and copies of its buffers to take new running means."""
    stand_ins = weights | {name: buffer.clone() for name, buffer in model.named_buffers()}
    return run(model, x, lambda x: functional_call(model, stand_ins, (x,)))


def _all_positive(model: nn.Module) -> nn.Module:
    model = copy.deepcopy(model).cpu().float().eval()
    for name, module in list(model.named_modules()):
        if isinstance(module, WEIGHTED):
            # 1 / fan-in keeps the size of the values, also after a hundred layers.
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.modules.batchnorm._BatchNorm) and name:
            model.set_submodule(name, nn.Identity())
        elif isinstance(module, nn.MaxPool2d) and name:
            pool = nn.AvgPool2d(module.kernel_size, module.stride, module.padding)
            model.set_submodule(name, pool)
    return model
