"""A network as a list of steps that a web page can compute by itself, without a kernel.

`08_network.js` computes them, `computed` here says the same in torch. A page can do what the small
networks of the course are made of; for any other network `network_steps` gives None.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from math import prod
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from resnet_course.blocks import ZeroPadShortcut
from resnet_course.tracing.errors import kind_of
from resnet_course.tracing.fields import Field
from resnet_course.tracing.rows import LayerRow, Trace, TraceError, printable
from resnet_course.tracing.values import trace_values

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
NEEDED = {"conv": {"weight"}, "linear": {"weight"}, "norm": {"mean", "var"}}


def flat_weights(model: nn.Module) -> Tensor:
    """Return what the page needs of a network's state: all its numbers in one line.

    Returns:
        The floating point parameters and buffers of `state_dict()`, in its order, as float16 on
        the CPU.
    """
    return _flat(_numbers(model)).half()


@torch.no_grad()
def network_steps(model: nn.Module, table: Trace) -> list[Step] | None:
    """Return the steps of a network's forward pass in evaluation mode, for a page to compute.

    A trace does not tell everything: `x.abs()` is no row. So the steps are computed once, for a
    random input, and must give what the network gives. This takes two forward passes.

    Args:
        model: any module that `trace` takes; it stays as it is.
        table: what `trace(model, x)` has given.

    Returns:
        A step for each row, in the same order, or None if the page cannot compute one of them, or
        if a weight is too large for 16 bits. Each step has "op", "from" (the rows it works on; -1
        is the input), "in" and "out" (their shapes without the batch axis), and what its operation
        needs: lengths along y and x; "weight", "bias", "mean", "var" say where in `flat_weights`
        these begin.
    """
    model = getattr(model, "_orig_mod", model)  # what torch.compile wraps
    tensors = [*model.parameters(), *model.buffers()]
    if any(each.is_meta or is_lazy(each) for each in tensors):
        return None
    numbers = _numbers(model)
    ends = accumulate(map(torch.numel, numbers.values()), initial=0)
    offsets = dict(zip(numbers, ends, strict=False))
    modules = {printable(name): (name, part) for name, part in model.named_modules()}
    sources: dict[int, list[int]] = {}
    for edge in table.edges:
        sources.setdefault(edge.target, []).append(edge.source)
    steps = []
    for number, row in enumerate(table):
        step = _step(row, *modules.get(row.name, ("", None)), offsets)
        if step is None or min(sources.get(number, [-2])) < -1:
            return None
        shapes = {"in": list(row.in_shape), "out": list(row.out_shape)}
        steps.append({"op": step.pop("op"), "from": sources[number]} | shapes | step)
    flat = _flat(numbers)
    fits = bool(steps) and bool(flat.half().isfinite().all())
    return steps if fits and _true(steps, model, table, flat) else None


def _numbers(model: nn.Module) -> dict[str, Tensor]:
    state = model.state_dict().items()
    return {name: x for name, x in state if isinstance(x, Tensor) and x.is_floating_point()}


def _flat(numbers: dict[str, Tensor]) -> Tensor:
    parts = [x.detach().float().cpu().flatten() for x in numbers.values()]
    return torch.cat([torch.empty(0), *parts])


def _step(
    row: LayerRow, name: str, module: nn.Module | None, offsets: dict[str, int]
) -> Step | None:
    """Return the operation of a row and its settings; None if the page does not know it."""
    if module is None or kind_of(module) != row.kind:
        return {"op": FUNCTIONS[row.kind]} if row.kind in FUNCTIONS else None
    op = LAYERS.get(type(module))
    if op is None:
        return None
    step: Step = {"op": op}
    for key, stored in NAMES.items():
        if f"{name}.{stored}" in offsets:
            step[key] = offsets[f"{name}.{stored}"]
    if not NEEDED.get(op, set()) <= step.keys():
        return None
    if isinstance(module, nn.Conv2d):
        step |= {"kernel": [*module.kernel_size], "dilation": [*module.dilation]}
        step |= {"stride": [*row.stride], "padding": [*row.padding], "groups": module.groups}
    elif isinstance(module, nn.MaxPool2d):
        step |= {"kernel": [*row.kernel], "stride": [*row.stride], "padding": [*row.padding]}
    elif isinstance(module, ZeroPadShortcut):
        step["stride"] = [module.stride, module.stride]
    elif isinstance(module, nn.BatchNorm2d):
        step["eps"] = module.eps
    return step


def _true(steps: Sequence[Step], model: nn.Module, table: Trace, flat: Tensor) -> bool:
    """Do the steps give what the network gives? For one random input."""
    shape = next(step["in"] for step in steps if -1 in step["from"])
    x = torch.randn(1, *shape, generator=torch.Generator().manual_seed(0))
    device = next((p.device for p in model.parameters()), x.device)
    values = {-1: x}
    same = []

    def compare(row: int, _came: Tensor, value: Tensor, _: Field | None) -> None:
        values[row] = value.detach().cpu().clone()
        if not all(same):
            return
        step = steps[row]
        found = computed(step, [values[source] for source in step["from"]], flat)
        close = 1e-3 * float(found.abs().amax().nan_to_num())
        same.append(
            values[row].shape[1:] == found.shape[1:] == torch.Size(step["out"])
            and torch.allclose(values[row], found, rtol=0, atol=close, equal_nan=True)
        )

    try:
        given = trace_values(model, x.to(device), table, compare)
    except (TraceError, RuntimeError, IndexError):  # another type, other shapes, other rows
        return False
    last = isinstance(given, Tensor) and torch.equal(given.cpu(), values[len(steps) - 1])
    return last and len(same) == len(steps) and all(same)


def computed(step: Step, came: Sequence[Tensor], flat: Tensor) -> Tensor:
    """Compute one step in torch: what `08_network.js` does, with a batch axis.

    Args:
        step: of `network_steps`.
        came: what the rows in "from" gave, (batch, …).
        flat: all weights in one line.
    """
    x, out = came[0], step["out"]

    def stored(name: str, *shape: int) -> Tensor | None:
        first = step.get(name)
        return None if first is None else flat[first : first + prod(shape)].view(shape)

    match step["op"]:
        case "conv":
            weight = stored("weight", out[0], x.shape[1] // step["groups"], *step["kernel"])
            moves = (step["stride"], step["padding"], step["dilation"], step["groups"])
            return F.conv2d(x, weight, stored("bias", out[0]), *moves)
        case "norm":
            mean, var, weight, bias = (stored(n, out[0]) for n in ("mean", "var", "weight", "bias"))
            return F.batch_norm(x, mean, var, weight, bias, eps=step["eps"])
        case "relu":
            return x.relu()
        case "add":
            return sum(came[1:], x)
        case "max":
            return F.max_pool2d(x, step["kernel"], step["stride"], step["padding"])
        case "mean":
            return x.mean((2, 3)).reshape(-1, *out)
        case "linear":
            return F.linear(x, stored("weight", *out, x.shape[1]), stored("bias", *out))
        case "zero_pad":
            x = x[:, :, :: step["stride"][0], :: step["stride"][1]]
            return F.pad(x, (0, 0, 0, 0, 0, out[0] - x.shape[1]))
    return x.flatten(1) if step["op"] == "flatten" else x
