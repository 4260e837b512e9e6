"""Smooth functions in place of those that select values or cut them off."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from resnet_course.tracing.functions import geometry_of

# Names of functions of torch, F and Tensor. Flat somewhere, so that no gradient passes there:
FLAT = re.compile(
    r"relu6?|leaky_relu|rrelu|hard(tanh|swish|sigmoid|shrink)|softshrink|threshold|"
    r"clamp(_min|_max)?|clip|sign|sgn|floor|ceil|round|trunc|fix"
)
# Those that pass on their input, but for chance; and those that pass it on in another type.
SAME = re.compile(r"(feature_)?(alpha_)?dropout([123]d)?|detach")
CASTS = re.compile(r"to|float|double|half|bfloat16|type|type_as")
PAIRS = re.compile(r"f?max|f?min|maximum|minimum")  # of two tensors
# Along one axis: name → where it stands among the arguments, and its default.
ALONG = {
    **dict.fromkeys(("max", "min", "amax", "amin", "median", "nanmedian"), (0, None)),
    **dict.fromkeys(("sort", "mode", "cummax", "cummin"), (0, -1)),
    **dict.fromkeys(("topk", "kthvalue"), (1, -1)),
}
POOL = re.compile(r"(adaptive_max|lp|max)_pool([123])d(_with_indices)?")
SUMS = re.compile(r"conv(_transpose)?[123]d|linear|bilinear|r?matmul|b?mm|addmm|einsum")


class Smooth(TorchFunctionMode):
    """While it is on, every value has a share in what is computed of it, and numbers are float64.

    Each stand-in has the shape of what it replaces and depends on the same values. Sums of products
    are scaled to a mean size of 1, so that the values of a deep network neither grow nor vanish.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Call a function of PyTorch, and return what stands in for its result."""
        spelled, options = getattr(func, "__name__", ""), dict(kwargs or {})
        name = spelled.strip("_")
        if name == "set_grad_enabled":  # no_grad would hide a part of the network
            return None
        if not args and "input" in options:
            args = (options.pop("input"),)
        # Many functions take numbers of one type only. What others write into stays as it is.
        kept_type = 0 if SUMS.fullmatch(name) else 1
        args = (*args[:kept_type], *map(_double, args[kept_type:]))
        x = args[0] if args and _is_float(args[0]) else None
        if x is not None and SAME.fullmatch(name):
            return x
        if x is not None and FLAT.fullmatch(name):
            flags = (spelled.endswith("_"), options.get("inplace"), *args[1:])
            in_place = any(flag is True for flag in flags)
            return x.copy_(_curve(x.clone())) if in_place else _curve(x)
        result = func(*args, **options)
        values = result[0] if isinstance(result, tuple) and result else result
        if not _is_float(values):
            return result
        if SUMS.fullmatch(name):
            values = values / values.detach().abs().mean().clamp_min(1e-300)
        elif x is not None:
            values = _stand_in(name, values, x, *args[1:], **options)
        return type(result)((values, *result[1:])) if isinstance(result, tuple) else _double(values)


def _stand_in(name: str, values: Tensor, x: Tensor, *rest: Any, **options: Any) -> Tensor:
    """Return what stands in for `values`, a function of `x`."""
    if CASTS.fullmatch(name):
        return x
    if found := POOL.fullmatch(name):
        return _pooled(found[1], int(found[2]), values.shape, _curve(x), rest, options)
    other = options.get("other", rest[0] if rest else None)
    if PAIRS.fullmatch(name) and isinstance(other, Tensor):
        return _curve(x) + _curve(other) / 2
    if name in ALONG:
        position, default = ALONG[name]
        axis = options.get("dim", rest[position] if len(rest) > position else default)
        every = tuple(range(x.ndim))
        mean = _curve(x).mean(every if axis in (None, (), []) else axis, keepdim=True)
        same = mean.numel() == values.numel()
        return mean.reshape(values.shape) if same else values + mean
    return values


def _pooled(
    kind: str,
    axes: int,
    shape: Sequence[int],
    x: Tensor,
    rest: Sequence[Any],
    options: Mapping[str, Any],
) -> Tensor:
    """Return the averages over the windows of a pooling whose result has that shape."""
    if kind == "adaptive_max":
        size = options.get("output_size", rest[0] if rest else None)
        return getattr(F, f"adaptive_avg_pool{axes}d")(x, size)
    if kind == "lp":
        names = ("norm_type", "kernel_size", "stride", "ceil_mode")
        given = dict(zip(names, rest, strict=False)) | options | {"norm_type": 1}  # a plain sum
        return getattr(F, f"lp_pool{axes}d")(x, **given)
    window = geometry_of(f"max_pool{axes}d", (x, *rest), options, x, x)
    margins: list[int] = []  # from the last axis to the first, before and after
    for i, size in enumerate(x.shape[-axes:]):
        # Up to the end of the last window: with ceil_mode, that can be beyond the padding.
        end = (shape[i - axes] - 1) * window.stride[i] + window.kernel[i]
        margins = [window.padding[i], end - size - window.padding[i], *margins]
    channels = x.shape[-axes - 1]
    taps = [(k - 1) // d + 1 for k, d in zip(window.kernel, window.dilation, strict=True)]
    weight = x.new_full((channels, 1, *taps), 1 / math.prod(taps))
    convolve = getattr(F, f"conv{axes}d")
    return convolve(F.pad(x, margins), weight, None, window.stride, 0, window.dilation, channels)


def _curve(x: Tensor) -> Tensor:
    """Return a smooth function of each value that rises everywhere."""
    return 0.7 * x + 0.3 * (1 + x * x).sqrt()


def _is_float(value: object) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _double(value: object) -> object:
    return value.double() if _is_float(value) else value
