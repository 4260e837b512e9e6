"""Watch every torch function that a forward pass calls.

`Recorder` is told of each by PyTorch, as an active `TorchFunctionMode`: of `nn.Conv2d(...)(x)`,
`F.conv2d(x, weight)`, `x + y` and `torch.flatten(x, 1)` alike. So it needs no special layers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from resnet_course.tracing.origins import Operations, Origin, tensors_in
from resnet_course.tracing.rows import Shape

CONVOLUTIONS = {"conv1d", "conv2d", "conv3d"}
TRANSPOSED = {"conv_transpose1d", "conv_transpose2d", "conv_transpose3d"}
POOLS = {f"{kind}_pool{n}d" for kind in ("max", "avg") for n in (1, 2, 3)}
ADAPTIVE = {f"adaptive_{kind}_pool{n}d" for kind in ("max", "avg") for n in (1, 2, 3)}
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
    | {"batch_norm", "layer_norm", "interpolate", "mean", "flatten", "mul", "scaled_attention"}
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
class Failure:
    """A torch function that failed: its error, its name and the shapes of the tensors it got."""

    error: Exception
    kind: str
    shapes: list[Shape]


@dataclass
class Geometry:
    """Kernel, stride, padding, one number per spatial axis, and a convolution's groups."""

    kernel: tuple[int, ...] | None = None
    stride: tuple[int, ...] | None = None
    padding: tuple[int, ...] | None = None
    groups: int | None = None


@dataclass
class Call:
    """What one function did: enough to fill a row.

    Attributes:
        kind: its plain name.
        inputs: the tensors it got that depend on the network's input, and where they came from
            before (`out += x` makes one tensor of both); all tensors if none depends.
        output: the first tensor it gave.
        geometry: of a window that moves.
        macs: multiply-adds, for the whole batch.
        uncounted: products that were left out of them.
    """

    kind: str
    inputs: list[tuple[Tensor, Origin]]
    output: Tensor
    geometry: Geometry | None
    macs: int
    uncounted: list[str]


class Recorder(TorchFunctionMode):
    """Tells `on_call` of every torch function.

    Args:
        operations: what follows the tensors meanwhile; None if only failures are of interest.
        on_call: gets a `Call` for each function.
    """

    def __init__(
        self,
        operations: Operations | None = None,
        on_call: Callable[[Call], None] | None = None,
    ) -> None:
        super().__init__()
        self.operations, self.on_call = operations, on_call
        self.failure: Failure | None = None  # the last one

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the function, then tell what it did."""
        kwargs, kind = kwargs or {}, plain_name(func)
        if kind == "get":  # x.shape
            return func(*args, **kwargs)
        tensors = list(tensors_in((args, kwargs)))
        try:
            if not self.operations:
                return func(*args, **kwargs)
            refuse_types(kind, args, kwargs)
            known = [(t, o) for t in tensors if (o := self.operations.origins.get(t))]
            macs, left_out = self.operations.macs, len(self.operations.uncounted)
            result = self.run(kind, func, args, kwargs)
        except Exception as error:
            # Noted, not wrapped: the forward pass may be about to catch this very error.
            self.failure = Failure(error, kind, [tuple(t.shape) for t in tensors])
            raise
        output = next(tensors_in(result), None)
        if output is not None and self.on_call:
            depends = [(t, o) for t, o in known if o.field]
            geometry = geometry_of(kind, args, kwargs, tensors[0], output) if depends else None
            left_out = self.operations.uncounted[left_out:]
            macs = self.operations.macs - macs
            self.on_call(Call(kind, depends or known, output, geometry, macs, left_out))
        return result

    def run(self, kind: str, func: Any, args: Any, kwargs: Any) -> Any:
        """Call the function; tensors without numbers stay where they are."""
        first = args[0] if args else None
        if kind in ("to", "cpu", "cuda") and isinstance(first, Tensor) and first.is_meta:
            if kind != "to":
                return first
            args, kwargs = stay(args, kwargs)
        if kind == "batch_norm" and (result := same_shape(args, kwargs)) is not None:
            known = [o for t in tensors_in((args, kwargs)) if (o := self.operations.origin(t))]
            self.operations.pointwise(known, result)
            return result
        result = func(*args, **kwargs)
        if kind == "pad" and isinstance(result, Tensor):
            # A circular padding is written piece by piece into an empty tensor.
            self.operations.padded(args, kwargs, result)
        return result


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
    return Geometry(
        kernel, per_axis(call.get("stride") or stride, axes), per_axis(padding, axes), groups
    )


def same_shape(args: Any, kwargs: Any) -> Tensor | None:
    """Return what batch norm gives on the meta device, if its arguments fit together.

    PyTorch works out the same in 3 ms, half of the time that a trace of ResNet-152 would take.
    """
    given, *per_channel = tensors_in((args, kwargs))
    training = args[5] if len(args) > 5 else kwargs.get("training", False)
    fit = all(each.shape == given.shape[1:2] for each in per_channel)
    if fit and given.is_meta and given.ndim > 1 and not training:
        return torch.empty_like(given)
    return None


def stay(args: Any, kwargs: Any) -> tuple[Any, Any]:
    """Change the arguments of `x.to(…)` so that a tensor without numbers stays one."""

    def device(value: Any) -> Any:
        if isinstance(value, (str, torch.device)) or type(value) is int:
            return "meta"
        return torch.empty(0, dtype=value.dtype, device="meta") if _elsewhere(value) else value

    first, *rest = args
    return (first, *map(device, rest)), {key: device(value) for key, value in kwargs.items()}


def _elsewhere(value: Any) -> bool:
    return isinstance(value, Tensor) and not value.is_meta


def plain_name(func: Any) -> str:
    """`Tensor.__iadd__`, `torch.add` and `Tensor.add_` are all "add" to a reader."""
    name = getattr(func, "__name__", str(func)).strip("_")
    return ALIASES.get(name, name)


def per_axis(value: Any, axes: int) -> tuple[int, ...]:
    """Repeat a single number for every spatial axis, as torch does."""
    values = tuple(value) if isinstance(value, (tuple, list, torch.Size)) else (value,)
    return tuple(int(v) for v in (values * axes if len(values) == 1 else values))


# Functions that want all their tensors in one type; those of the second line take 16 bits with 32.
ONE_TYPE = CONVOLUTIONS | TRANSPOSED | {"linear", "matmul", "bmm", "mm", "bilinear"}
NORMS = {"batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm"}
FLOATS = {"softmax", "log_softmax", "gelu", "silu", "mish", "elu", "selu", "hardswish", "dropout"}


class TypeMismatch(TypeError):
    """Numbers of a type that PyTorch would refuse; tensors without numbers do not notice."""


def refuse_types(kind: str, args: Any, kwargs: Any) -> None:
    """Raise TypeMismatch where PyTorch would refuse the types of the numbers."""
    given, *others = list(tensors_in((args, kwargs)))[:3] or [None]
    if given is None or not given.is_meta or torch.is_autocast_enabled("cpu"):
        return
    mine = str(given.dtype).removeprefix("torch.")
    if kind == "embedding":
        if given.dtype not in (torch.int32, torch.int64):
            raise TypeMismatch(f"takes whole numbers (int64), but it gets {mine}")
        return
    wanted = next((t.dtype for t in others if t.dtype != given.dtype), given.dtype)
    half = given.dtype in (torch.bfloat16, torch.float16) and wanted is torch.float32
    mixed = kind in ONE_TYPE or (kind in NORMS and not half)
    if mixed and wanted != given.dtype:
        theirs = str(wanted).removeprefix("torch.")
        raise TypeMismatch(f"has {theirs} weights, but it gets {mine} numbers")
    if kind in FLOATS | NORMS and not (given.is_floating_point() or given.is_complex()):
        raise TypeMismatch(f"takes decimal numbers (float32), but it gets {mine}")
