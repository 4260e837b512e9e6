"""What do the values of windows see? Convolutions, pooling, resizing, padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from resnet_course.tracing.aten import Aten, Rule
from resnet_course.tracing.fields import Field, union
from resnet_course.tracing.parts import mix, mix_groups


def convolution(field: Field, call: Aten) -> Field:
    """Windows of all channels of a group, also transposed, with weights of any origin."""
    weight, groups, channels = call["weight"], call.get("groups", 1), call.new[1]
    found = []
    if field := call.field_of(call["input"]):
        field = windows(field, call, weight.shape[2:], 2)
        found.append(field.each(lambda part: mix_groups(part, 1, groups, channels)))
    if own := call.field_of(weight):
        found.append(own.each(lambda part: _of_a_kernel(part, channels, call["transposed"])))
    if own := call.field_of(call.get("bias")):
        found.append(own.each(lambda part: part.reshape(2, 1, -1, *(1,) * (weight.ndim - 2))))
    return union(found, len(call.new))


def _of_a_kernel(part: np.ndarray, channels: int, transposed: bool) -> np.ndarray:
    """Each channel of the result depends on its own kernels, (channels, ...)."""
    part = mix(part, range(0 if transposed else 1, part.ndim - 1))
    return part.reshape(2, 1, -1, *(1,) * (part.ndim - 3))


def deformable_convolution(field: Field, call: Aten) -> Field:
    """The offsets say where the windows lie: no one knows them."""
    names = {"stride": "stride", "padding": "pad", "dilation": "dilation"}
    plain = {name: [call[f"{short}_h"], call[f"{short}_w"]] for name, short in names.items()}
    call = replace(call, arguments=call.arguments | plain)
    return windows(field, call, call["weight"].shape[2:], 2).guessed()


def pooling(field: Field, call: Aten) -> Field:
    """Average and max pooling."""
    return windows(field, call, call.per_axis("kernel_size", call.axes), field.ndim - call.axes)


def windows(field: Field, call: Aten, kernel: Sequence[int], first_dim: int) -> Field:
    """Let each result see what its window saw, from the axis `first_dim` on."""
    strides = call.per_axis("stride", len(kernel), default=list(kernel))
    paddings = call.per_axis("padding", len(kernel), default=0)
    dilations = call.per_axis("dilation", len(kernel), default=1)
    transposed = call.get("transposed")
    given = zip(kernel, strides, paddings, dilations, strict=True)
    for dim, (k, s, p, d) in enumerate(given, first_dim):
        if (k, s, p) == (1, 1, 0) and call.old[dim] == call.new[dim]:
            continue
        places, used, along = np.arange(call.new[dim])[:, None], None, field.along(dim)
        if transposed:
            # One result meets only every stride-th of the kernel's values.
            places = places + p - np.arange(k) * d
            places, used = places // s, places % s == 0
        else:
            places = places * s - p + np.arange(k) * d
        field = field.taken(dim, call.old[dim], places, used)
        field = field.spread(1 / s if transposed else s, along)
    return field


def adaptive_pooling(field: Field, call: Aten) -> Field:
    """Windows that share the map as evenly as possible."""
    for dim in range(field.ndim - call.axes, field.ndim):
        n, m = call.old[dim], call.new[dim]
        start, end = np.arange(m) * n // m, -(-(np.arange(m) + 1) * n // m)
        places = np.minimum(start[:, None] + np.arange((end - start).max()), end[:, None] - 1)
        along = field.along(dim)
        field = field.taken(dim, n, places).spread(n // m or 1, along)
    return field


def padding(field: Field, call: Aten) -> Field:
    """Zeros, or the picture's own pixels: as if the picture went on. Less than 0 cuts off."""
    for i, before in enumerate(call.get("pad", call.get("padding"))[::2]):
        dim = field.ndim - 1 - i
        if call.old[dim] != call.new[dim] or before:
            places = np.arange(call.new[dim])[:, None] - before
            field = field.taken(dim, call.old[dim], places)
    return field


def resizing(field: Field, call: Aten) -> Field:
    """Let each value see what those saw that it is interpolated from."""
    scales = [call.get(name) for name in ("scales_d", "scales_h", "scales_w", "scales")]
    scales = scales[3:] if field.ndim == 3 else scales[5 - field.ndim : 3]
    for dim, scale in enumerate(scales, 2):
        n, m = call.old[dim], call.new[dim]
        places, used = taps(call, n, m, scale)
        along = field.along(dim)
        field = field.taken(dim, n, places.clip(0, n - 1), used).spread(n / m, along)
    return field


def taps(call: Aten, n: int, m: int, scale: float | None) -> tuple[np.ndarray, np.ndarray | None]:
    """For each of m values, find the places among n that it reads, and which of them count.

    Both are (m, taps), as in `Field.taken`.
    """
    at = np.arange(m)
    if "nearest" in call.name:
        # PyTorch works these out with 32 bits, and that can decide.
        ratio = np.float32(1 / scale) if scale else np.float32(n) / np.float32(m)
        half = np.float32(0.5 if "exact" in call.name else 0)
        return np.floor((at.astype(np.float32) + half) * ratio).astype(int)[:, None], None
    ratio, cubic = 1 / scale if scale else n / m, "bicubic" in call.name
    if call.name.endswith("_aa"):  # a shrunken map averages over more
        reach = (2 if cubic else 1) * max(ratio, 1.0)
        centre = (at + 0.5) * ratio
        low = np.maximum((centre - reach + 0.5).astype(int), 0)
        high = np.minimum((centre + reach + 0.5).astype(int), n)
        places = low[:, None] + np.arange((high - low).max())
        return places, places < high[:, None]
    if call.get("align_corners"):
        source = at * ((n - 1) / (m - 1) if m > 1 else 0)
    else:
        source = (at + 0.5) * ratio - 0.5
    source = source.round(9)  # the middle of a pixel reads no neighbour
    source = source if cubic else source.clip(0)
    low, steps = np.floor(source), np.arange(-1, 3) if cubic else np.arange(2)
    used = (steps == 0) | (source > low)[:, None]
    return low.astype(int)[:, None] + steps, used


def of_each(names: str, axes: Sequence[int], rule: Rule) -> dict[str, Rule]:
    """A rule for operations whose names hold a number of axes."""
    return {name.replace("#", str(n)): rule for name in names.split() for n in axes}


RULES: dict[str, Rule] = {
    "convolution": convolution,
    "deform_conv2d": deformable_convolution,
    "max_pool1d": pooling,
    **of_each("avg_pool#d", (1, 2, 3), pooling),
    **of_each("max_pool#d_with_indices", (2, 3), pooling),
    **of_each("_adaptive_avg_pool#d adaptive_max_pool#d", (1, 2, 3), adaptive_pooling),
    **of_each("constant_pad_nd reflection_pad#d replication_pad#d", (1, 2, 3), padding),
    **of_each("upsample_nearest#d _upsample_nearest_exact#d", (1, 2, 3), resizing),
    **dict.fromkeys(("upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d"), resizing),
    "upsample_bicubic2d": resizing,
    **dict.fromkeys(("_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa"), resizing),
}
