"""Watch every torch function that a forward pass calls, and note what happens to shapes.

`Recorder` is the engine under `tracing.trace`. It needs no special layers: it sees
`nn.Conv2d(...)(x)`, `F.conv2d(x, weight)`, `x + y` and `torch.flatten(x, 1)` alike, because
PyTorch hands every call to an active `TorchFunctionMode` first.

For each tensor it remembers two things about how the tensor came to be:

* the receptive field: how many input pixels one value can see (`field`), and how many input
  pixels apart two neighbours are (`jump`); Araujo et al. 2019, "Computing Receptive Fields of
  Convolutional Neural Networks", give the recursion;
* the layers it passed, one bit each. Where two tensors are added, the term that passed fewer
  layers is the shortcut.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from resnet_course.tracing.rows import Shape

CONVOLUTIONS = {"conv1d", "conv2d", "conv3d"}
TRANSPOSED = {"conv_transpose1d", "conv_transpose2d", "conv_transpose3d"}
POOLS = {f"{kind}_pool{n}d" for kind in ("max", "avg") for n in (1, 2, 3)}
ADAPTIVE = {f"adaptive_{kind}_pool{n}d" for kind in ("max", "avg") for n in (1, 2, 3)}
REDUCTIONS = {"mean", "sum", "amax"}
RESHAPES = {"flatten", "reshape", "view"}
# The arguments of functions with windows, in torch's order.
ARGUMENTS = {
    **dict.fromkeys(CONVOLUTIONS, "input weight bias stride padding dilation groups"),
    **dict.fromkeys(TRANSPOSED, "input weight bias stride padding output_padding groups dilation"),
    **dict.fromkeys(POOLS, "input kernel_size stride padding"),
    **{f"max_pool{n}d": "input kernel_size stride padding dilation" for n in (1, 2, 3)},
}
# Functions that become a row of their own when no layer object stands for them.
SHOWN = (
    {"add", "cat", "linear", "relu", "sigmoid", "tanh", "gelu", "silu", "softmax", "pad"}
    | {"batch_norm", "layer_norm", "interpolate", "mean", "flatten", "mul", "scaled_attention"}
    | (CONVOLUTIONS | TRANSPOSED | POOLS | ADAPTIVE)
)
ALIASES = {
    **dict.fromkeys(("iadd", "radd"), "add"),
    **dict.fromkeys(("imul", "rmul"), "mul"),
    **dict.fromkeys(("concat", "concatenate"), "cat"),
    "scaled_dot_product_attention": "scaled_attention",
}


@dataclass
class Failure:
    """A torch function that failed: its error, its name and the shapes of the tensors it got."""

    error: Exception
    kind: str
    shapes: list[Shape]


@dataclass
class Origin:
    """How a tensor came to be: see the module's text."""

    field: tuple[int, ...]  # input pixels seen, one number per spatial axis
    jump: tuple[int, ...]  # input pixels between neighbours
    layers: int = 0  # bit i is set if the tensor passed row i


@dataclass
class Geometry:
    """Kernel, stride, padding, one number per spatial axis, and a convolution's groups."""

    kernel: tuple[int, ...] | None = None
    stride: tuple[int, ...] | None = None
    padding: tuple[int, ...] | None = None
    groups: int | None = None


@dataclass
class Call:
    """What one function did: enough to fill the row of the layer that it belongs to."""

    kind: str
    inputs: list[Tensor]
    passed: list[int]  # the layers that each input had passed before the call
    output: Tensor
    geometry: Geometry | None
    macs: int


class Recorder(TorchFunctionMode):
    """Collects a `Call` for every torch function; `on_call` is told of each."""

    def __init__(self, on_call: Any) -> None:
        super().__init__()
        self.on_call = on_call
        self.failure: Failure | None = None  # the last one
        # A key is found by identity, not by numbers: that is how tensors hash. What is not in here
        # does not depend on the input.
        self.origins: dict[Tensor, Origin] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the function, then note what it did."""
        kwargs = kwargs or {}
        kind = plain_name(func)
        try:
            result = same_shape(args, kwargs) if kind == "batch_norm" else None
            if result is None:
                result = func(*args, **kwargs)
        except Exception as error:
            # Noted, not wrapped: the forward pass may be about to catch this very error.
            shapes = [tuple(t.shape) for t in tensors_in((args, kwargs))]
            self.failure = Failure(error, kind, shapes)
            raise
        output = next(tensors_in(result), None)
        inputs = [t for t in tensors_in((args, kwargs)) if t in self.origins]
        if output is not None and inputs:
            # Read before `out += x` makes one tensor of the input and the output.
            passed = [self.origins[t].layers for t in inputs]
            origin, geometry = self.follow(kind, args, kwargs, inputs, output)
            for tensor in tensors_in(result):
                self.origins[tensor] = origin
            macs = multiply_adds(kind, args, kwargs, output)
            self.on_call(Call(kind, inputs, passed, output, geometry, macs))
        return result

    def start(self, tensor: Tensor) -> None:
        """Declare a tensor to be network input: every value sees itself."""
        axes = max(tensor.ndim - 2, 0)
        self.origins[tensor] = Origin((1,) * axes, (1,) * axes)

    def follow(
        self, kind: str, args: Any, kwargs: Any, inputs: list[Tensor], output: Tensor
    ) -> tuple[Origin, Geometry | None]:
        """Work out the origin of a function's output from the origins of its inputs."""
        known = [self.origins[t] for t in inputs]
        layers = reduce(or_, (each.layers for each in known))
        # Where paths meet, a value sees what the longer path saw.
        axes = max(len(each.field) for each in known)
        spatial = [each for each in known if len(each.field) == axes]
        field = tuple(max(each.field[i] for each in spatial) for i in range(axes))
        jump = tuple(min(each.jump[i] for each in spatial) for i in range(axes))
        geometry = geometry_of(kind, args, kwargs, inputs[0], output)
        sizes = inputs[0].shape[2:]
        taps = steps = (1,) * axes  # values that meet in one, and how far apart results move
        if geometry:
            taps, steps = geometry.kernel, geometry.stride
        elif kind in REDUCTIONS or (kind in RESHAPES and output.ndim <= 2 < inputs[0].ndim):
            taps = sizes  # all pixels flow together: one value now sees what the whole map saw
        elif kind == "getitem":
            # x[:, :, ::2, ::2] takes every second pixel: neighbours move apart.
            steps = slice_steps(args[1], axes)
        if kind in TRANSPOSED:
            # One output value meets only every stride-th of the kernel's values.
            taps = [math.ceil(k / s) for k, s in zip(taps, steps, strict=True)]
        field = tuple(f + (t - 1) * j for f, t, j in zip(field, taps, jump, strict=False))
        if kind in TRANSPOSED:
            jump = tuple(max(j // s, 1) for j, s in zip(jump, steps, strict=False))
        elif kind == "interpolate" and output.ndim == axes + 2:
            # Resizing repeats pixels or leaves some out: neighbours move by the ratio of the sizes.
            ratios = zip(jump, sizes, output.shape[2:], strict=False)
            jump = tuple(max(round(j * n / m), 1) for j, n, m in ratios)
        else:
            jump = tuple(j * s for j, s in zip(jump, steps, strict=False))
        return Origin(field, jump, layers), geometry


def geometry_of(
    kind: str, args: Any, kwargs: Any, given: Tensor, output: Tensor
) -> Geometry | None:
    """Read kernel, stride, padding and groups from the arguments of a convolution or pooling."""
    axes = given.ndim - 2
    if kind in ADAPTIVE:
        sizes = tuple(zip(given.shape[2:], output.shape[2:], strict=True))
        kernel = tuple(math.ceil(n / m) for n, m in sizes)
        return Geometry(kernel, tuple(n // m or 1 for n, m in sizes), (0,) * axes)
    if kind not in ARGUMENTS:
        return None
    call = dict(zip(ARGUMENTS[kind].split(), args, strict=False)) | kwargs
    if "weight" in call:
        sizes, groups, stride = tuple(call["weight"].shape[2:]), call.get("groups", 1), 1
    else:  # a pool, which moves by its own size if nothing else is said
        sizes, groups = per_axis(call["kernel_size"], axes), None
        stride = sizes
    dilation = per_axis(call.get("dilation", 1), axes)
    kernel = tuple(d * (k - 1) + 1 for d, k in zip(dilation, sizes, strict=True))
    named = {"same": tuple((k - 1) // 2 for k in kernel), "valid": 0}
    padding = call.get("padding", 0)
    padding = named[padding] if isinstance(padding, str) else padding
    return Geometry(
        kernel, per_axis(call.get("stride") or stride, axes), per_axis(padding, axes), groups
    )


def multiply_adds(kind: str, args: Any, kwargs: Any, output: Tensor) -> int:
    """Count multiply-adds of convolutions and linear layers, for the whole batch; else 0."""
    weight = kwargs.get("weight", args[1] if len(args) > 1 else None)
    if kind in CONVOLUTIONS or kind == "linear":
        return output.numel() * weight[0].numel()
    if kind in TRANSPOSED:
        return args[0].numel() * weight[0].numel()
    if kind == "multi_head_attention_forward":
        # Four linear maps (query, key, value, output) on every token.
        weights = [t for t in tensors_in((args, kwargs)) if isinstance(t, nn.Parameter)]
        tokens = args[0].numel() // args[0].shape[-1]
        return tokens * sum(w.numel() for w in weights if w.ndim == 2)
    return 0


def same_shape(args: Any, kwargs: Any) -> Tensor | None:
    """Return what batch norm gives on the meta device, if its arguments fit together.

    PyTorch works out the same in 3 ms, half of the time that a trace of ResNet-152 would take.
    """
    given, *per_channel = tensors_in((args, kwargs))
    fit = all(each.shape == given.shape[1:2] for each in per_channel)
    return torch.empty_like(given) if fit and given.is_meta and given.ndim > 1 else None


def slice_steps(index: Any, axes: int) -> tuple[int, ...]:
    """Return the steps of the last `axes` slices of an index; 1 where there is no plain slice."""
    parts = index if isinstance(index, tuple) else (index,)
    if len(parts) != axes + 2 or not all(isinstance(part, slice) for part in parts):
        return (1,) * axes
    return tuple(part.step or 1 for part in parts[2:])


def plain_name(func: Any) -> str:
    """`Tensor.__iadd__`, `torch.add` and `Tensor.add_` are all "add" to a reader."""
    name = getattr(func, "__name__", str(func)).strip("_")
    return ALIASES.get(name, name)


def per_axis(value: Any, axes: int) -> tuple[int, ...]:
    """Repeat a single number for every spatial axis, as torch does."""
    values = tuple(value) if isinstance(value, (tuple, list, torch.Size)) else (value,)
    return tuple(int(v) for v in (values * axes if len(values) == 1 else values))


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Yield the tensors inside nested tuples, lists and dicts, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for each in value:
            yield from tensors_in(each)
    elif isinstance(value, dict):
        yield from tensors_in(list(value.values()))
