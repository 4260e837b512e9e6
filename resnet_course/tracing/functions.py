"""PyTorch's functions by name: which become rows, how their inputs meet, how windows move."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

CONVOLUTIONS = {"conv1d", "conv2d", "conv3d"}
TRANSPOSED = {"conv_transpose1d", "conv_transpose2d", "conv_transpose3d"}
POOLS = {f"{kind}_pool{n}d" for kind in ("max", "avg") for n in (1, 2, 3)}
ADAPTIVE = {f"adaptive_{kind}_pool{n}d" for kind in ("max", "avg") for n in (1, 2, 3)}
RECURRENT = {"lstm", "gru", "rnn_tanh", "rnn_relu"}
# The arguments of functions with windows, in torch's order.
ARGUMENTS = {
    **dict.fromkeys(CONVOLUTIONS, "input weight bias stride padding dilation groups"),
    **dict.fromkeys(TRANSPOSED, "input weight bias stride padding output_padding groups dilation"),
    **dict.fromkeys(POOLS, "input kernel_size stride padding"),
    **{f"max_pool{n}d": "input kernel_size stride padding dilation" for n in (1, 2, 3)},
}
# How two ways meet in a function.
MEETINGS = {
    **dict.fromkeys(("add", "sub", "rsub"), "add"),
    **dict.fromkeys(("cat", "stack", "hstack", "vstack", "dstack"), "concatenate"),
    **dict.fromkeys(("mul", "div", "true_divide", "addcmul"), "multiply"),
    **dict.fromkeys(("where", "maximum", "minimum", "fmax", "fmin", "masked_fill"), "choose"),
    **dict.fromkeys(("matmul", "bmm", "mm", "einsum", "baddbmm", "tensordot"), "attend"),
    **dict.fromkeys(("scaled_attention", "multi_head_attention_forward"), "attend"),
}
# Functions that become a row of their own when no layer object stands for them.
SHOWN = (
    {"add", "cat", "linear", "relu", "sigmoid", "tanh", "gelu", "silu", "softmax", "pad"}
    | {"batch_norm", "layer_norm", "interpolate", "flatten", "mul", "scaled_attention"}
    | {"mean", "sum", "max", "min", "amax", "amin"}
    | (CONVOLUTIONS | TRANSPOSED | POOLS | ADAPTIVE)
)
ALIASES = {
    **dict.fromkeys(("iadd", "radd"), "add"),
    **dict.fromkeys(("imul", "rmul"), "mul"),
    **dict.fromkeys(("concat", "concatenate"), "cat"),
    **dict.fromkeys(("isub", "subtract"), "sub"),
    **dict.fromkeys(("itruediv", "truediv", "rtruediv", "divide"), "div"),
    **dict.fromkeys(("rmatmul", "imatmul"), "matmul"),
    "scaled_dot_product_attention": "scaled_attention",
}


@dataclass
class Geometry:
    """Kernel, stride, padding, one number per spatial axis, and a convolution's groups.

    See `LayerRow` for all of them.
    """

    kernel: tuple[int, ...] | None = None
    stride: tuple[int, ...] | None = None
    padding: tuple[int, ...] | None = None
    groups: int | None = None
    dilation: tuple[int, ...] | None = None
    padding_mode: str = "zeros"


def plain_name(func: Any) -> str:
    """`Tensor.__iadd__`, `torch.add` and `Tensor.add_` are all "add" to a reader."""
    name = getattr(func, "__name__", str(func)).strip("_")
    return ALIASES.get(name, name)


def per_axis(value: Any, axes: int) -> tuple[int, ...]:
    """Repeat a single number for every spatial axis, as torch does."""
    values = tuple(value) if isinstance(value, (tuple, list, torch.Size)) else (value,)
    return tuple(int(v) for v in (values * axes if len(values) == 1 else values))


def geometry_of(
    kind: str, args: Any, kwargs: Any, given: Tensor, output: Tensor
) -> Geometry | None:
    """Read kernel, stride, padding and groups from the arguments of a convolution or pooling."""
    axes = next((int(letter) for letter in kind if letter.isdigit()), 0)
    if kind in ADAPTIVE:
        sizes = tuple(zip(given.shape[-axes:], output.shape[-axes:], strict=True))
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
    stride = per_axis(call.get("stride") or stride, axes)
    return Geometry(kernel, stride, per_axis(padding, axes), groups, dilation)


def with_padding_of(layer: Any, geometry: Geometry) -> Geometry:
    """Say how a convolution pads that does it before its windows: circular, reflect, replicate."""
    mode = getattr(layer, "padding_mode", "zeros")
    sides = getattr(layer, "_reversed_padding_repeated_twice", None)
    if mode == "zeros" or not geometry.kernel or not sides:
        return geometry
    return replace(geometry, padding=tuple(sides[-2::-2]), padding_mode=mode)
