"""Which pixels does each value of a resized map read? Nearest, linear and cubic interpolation."""

from __future__ import annotations

import numpy as np

from resnet_course.tracing.aten import Aten, Rule
from resnet_course.tracing.fields import Field
from resnet_course.tracing.window_fields import of_each


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

    Returns:
        places and used, both (m, taps), as in `Field.taken`.
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


RULES: dict[str, Rule] = {
    **of_each("upsample_nearest#d _upsample_nearest_exact#d", (1, 2, 3), resizing),
    **dict.fromkeys(("upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d"), resizing),
    "upsample_bicubic2d": resizing,
    **dict.fromkeys(("_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa"), resizing),
}
