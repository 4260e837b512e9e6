"""Measure what flows through a network: gradients backward, activations forward.

All functions leave the model as it is: weights, gradients, buffers, mode and hooks.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from inspect import getattr_static, isfunction

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrize import cached

from resnet_course.measure.aside import run_aside, unwrapped
from resnet_course.measure.feature_maps import listening
from resnet_course.tracing.tracer import is_innermost
from resnet_course.train import inputs

WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)


def gradient_norms(model: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """Return how strongly the loss pulls at each layer: ‖∂ cross-entropy / ∂ weight‖₂.

    The model runs in the mode it is in; batch statistics of BatchNorm are not recorded. Where a
    weight is computed, as with `weight_norm` or pruning, it is the computed one that counts. Where
    layers share a weight, each gets the norm of the whole gradient, the sum over all its uses.

    Args:
        model: a classifier, (batch, ...) → logits (batch, classes). It may be wrapped, and its
            weights may be frozen.
        x: one batch of inputs.
        y: its labels, int64 (batch,).

    Returns:
        layer name → L2 norm, for every convolution and linear layer in the order of the model;
        0.0 for a layer that the loss does not depend on.

    Raises:
        ValueError: model, inputs or labels are not such, or autograd cannot reach a weight.
    """
    inputs.check_autograd()
    inputs.check_model(model)
    inputs.check_pictures(x, tokens=True)
    kind, network = type(model).__name__, unwrapped(model)
    for name, module in model.named_modules():
        # Not the attribute itself: a parametrization would compute, and move its own buffers.
        if isfunction(getattr_static(module, "weight", None)):
            raise ValueError(
                f"{name or kind} is quantized, and whole numbers have no gradient: measure the "
                "network as it was before."
            )
    layers = {name: m for name, m in model.named_modules() if isinstance(m, WEIGHTED)}
    if not layers:
        raise ValueError(f"{kind} has no convolution and no linear layer to measure.")
    used: dict[str, list[Tensor]] = {name: [] for name in layers}

    def note(name: str, _output: object = None) -> None:
        weight = layers[name].weight
        if not weight.requires_grad:
            raise ValueError(f"the weight of {name or kind} is computed without autograd.")
        if all(weight is not other for other in used[name]):  # computed anew in a second call
            used[name].append(weight)

    def pull(logits: Tensor) -> dict[str, float]:
        inputs.check_logits(logits, len(x), model)
        inputs.check_labels(y, len(x), logits.shape[1], "y")
        inputs.check_gradient(logits, model)
        for name in layers:  # a weight can serve without its layer
            note(name)
        pairs = [(name, weight) for name in layers for weight in used[name]]
        loss = F.cross_entropy(logits, y)
        found = torch.autograd.grad(loss, [weight for _, weight in pairs], allow_unused=True)
        totals = dict.fromkeys(layers, torch.zeros(()))
        for (name, _), gradient in zip(pairs, found, strict=True):
            if gradient is not None:
                totals[name] = totals[name] + gradient.cpu()
        return {name: total.abs().double().norm().item() for name, total in totals.items()}

    own = {
        name: parameter.detach().clone().requires_grad_()
        for name, parameter in network.named_parameters()
        if parameter.is_floating_point()
    }
    with torch.enable_grad(), cached(), listening(layers, note):
        return run_aside(network, x, own, pull)


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
    """Run one batch and describe the output of every layer that has no layers inside.

    Args:
        model: any module that takes `x`; it runs in the mode it is in.
        x: one batch of inputs.

    Returns:
        layer name → `ActivationStats` in the order of execution. The second call of a layer
        that is used again gets the name "name (2)".

    Raises:
        ValueError: model or inputs are not such.
    """
    inputs.check_model(model)
    inputs.check_pictures(x, tokens=True)
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
    layers = {
        name: module
        for name, module in modules.items()
        if is_innermost(module) and ".parametrizations." not in f".{name}."
    }
    with torch.no_grad(), listening(layers, record):
        run_aside(unwrapped(model), x, {})
    return stats
