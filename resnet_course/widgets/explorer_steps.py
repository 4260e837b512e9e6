"""A network as a list of steps that a web page can compute by itself, without a kernel.

`08_network.js` computes them. A page can do what the small networks of the course are made of.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn

from resnet_course.blocks import ZeroPadShortcut
from resnet_course.tracing.errors import kind_of
from resnet_course.tracing.rows import LayerRow, Trace

Step = dict[str, Any]
# What a row of the trace is to the page: layers by their class, functions by their name.
LAYERS: dict[type[nn.Module], str] = {
    nn.Conv2d: "conv",
    nn.BatchNorm2d: "norm",
    nn.ReLU: "relu",
    nn.MaxPool2d: "max",
    nn.AdaptiveAvgPool2d: "mean",
    nn.Flatten: "flatten",
    nn.Linear: "linear",
    ZeroPadShortcut: "zero_pad",
    nn.Identity: "same",
    nn.Dropout: "same",  # in evaluation mode
}
FUNCTIONS = {"relu": "relu", "add": "add", "flatten": "flatten", "mean": "mean"}
# Name in a step → name in the state dict.
NAMES = {"weight": "weight", "bias": "bias", "mean": "running_mean", "var": "running_var"}


def flat_weights(model: nn.Module) -> Tensor:
    """Return what the page needs of a network's state: all its numbers in one line.

    Returns:
        The floating point parameters and buffers of `state_dict()`, in its order, as float16 on
        the CPU.
    """
    return torch.cat([x.detach().cpu().half().flatten() for x in _numbers(model).values()])


def network_steps(model: nn.Module, table: Trace) -> list[Step]:
    """Return the steps of a network's forward pass in evaluation mode, for a page to compute.

    Args:
        model: a network of the layers and functions above.
        table: what `trace(model, x)` has given; all that the network computes must be a row of it.

    Returns:
        A step for each row, in the same order. Each has "op", "from" (the rows it works on; -1 is
        the input), "in" and "out" (their shapes without the batch axis), and what its operation
        needs: lengths along y and x; "weight", "bias", "mean", "var" say where in `flat_weights`
        these begin.

    Raises:
        KeyError: a layer or a function that a page does not know.
    """
    numbers = _numbers(model)
    ends = accumulate(map(torch.numel, numbers.values()), initial=0)
    offsets = dict(zip(numbers, ends, strict=False))
    modules = dict(model.named_modules())
    sources: dict[int, list[int]] = {}
    for edge in table.edges:
        sources.setdefault(edge.target, []).append(edge.source)
    steps = []
    for number, row in enumerate(table):
        op, settings = _operation(row, modules.get(row.name), offsets)
        shapes = {"in": list(row.in_shape), "out": list(row.out_shape)}
        steps.append({"op": op, "from": sources[number]} | shapes | settings)
    return steps


def _numbers(model: nn.Module) -> dict[str, Tensor]:
    state = model.state_dict().items()
    return {name: x for name, x in state if isinstance(x, Tensor) and x.is_floating_point()}


def _operation(
    row: LayerRow, module: nn.Module | None, offsets: dict[str, int]
) -> tuple[str, Step]:
    """Return what a row does, and its settings."""
    if module is None or kind_of(module) != row.kind:
        return FUNCTIONS[row.kind], {}
    found: Step = {}
    for key, stored in NAMES.items():
        if f"{row.name}.{stored}" in offsets:
            found[key] = offsets[f"{row.name}.{stored}"]
    if isinstance(module, nn.Conv2d):
        found |= {"kernel": [*module.kernel_size], "dilation": [*module.dilation]}
        found |= {"stride": [*row.stride], "padding": [*row.padding], "groups": module.groups}
    elif isinstance(module, nn.MaxPool2d):
        found |= {"kernel": [*row.kernel], "stride": [*row.stride], "padding": [*row.padding]}
    elif isinstance(module, ZeroPadShortcut):
        found["stride"] = [module.stride, module.stride]
    elif isinstance(module, nn.BatchNorm2d):
        found["eps"] = module.eps
    return LAYERS[type(module)], found
