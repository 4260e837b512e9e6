"""The numbers behind one value: the weights and the bias of a layer, for the channels shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from resnet_course.tracing.errors import kind_of
from resnet_course.tracing.rows import LayerRow

MOST_WEIGHTS = 100_000


@torch.no_grad()
def products(
    module: nn.Module | None, row: LayerRow, channels: Sequence[int], came: Sequence[int]
) -> dict[str, Any]:
    """Return what turns the values that go into a layer into those that come out.

    Args:
        module: the layer.
        row: its row.
        channels: of what comes out, those that are shown.
        came: of what goes in, those that are shown.

    Returns:
        "affine", a and b of a·x + b for each channel; or "weights" of shape "weight_shape" as
        bytes with their "weight_scale", and "bias". Empty for other layers.
    """
    if module is None or kind_of(module) != row.kind:
        return {}
    if _is(module, _BatchNorm) and module.running_var is not None:
        a = (module.running_var.double() + module.eps).rsqrt()
        a = a * module.weight if module.affine else a
        b = -a * module.running_mean + (module.bias if module.affine else 0)
        return {"affine": [short(pair) for pair in torch.stack([a, b], 1)[channels].tolist()]}
    if _is(module, nn.Linear) and len(row.out_shape) == 1:
        weight = module.weight[channels][:, came]
    elif _is(module, nn.Conv2d) and _pads_with_zeros(module):
        weight = _all_pairs(module, channels, came)
    else:
        return {}
    if weight.numel() > MOST_WEIGHTS:
        return {}
    scale, data = packed(weight.float().cpu())
    shape = [*weight.shape, 1, 1][:4]
    found = {"weights": data, "weight_scale": scale, "weight_shape": shape}
    if module.bias is not None:
        found["bias"] = short(module.bias[channels].tolist())
    return found


def packed(values: Tensor) -> tuple[float, bytes]:
    """Return (scale, bytes): 16-bit numbers of at most 1, to be multiplied by the scale."""
    finite = values[values.isfinite()].abs()
    scale = float(f"{float(finite.max()) if finite.numel() else 0:.6g}") or 1.0
    return scale, (values / scale).numpy().astype(np.dtype("<f2")).tobytes()


def short(numbers: Sequence[float]) -> list[float | None]:
    """Round to six digits; None where there is no number, which JSON cannot say."""
    return [float(f"{x:.6g}") if math.isfinite(x) else None for x in numbers]


def _is(module: nn.Module, kind: type[nn.Module]) -> bool:
    """Does it compute what this kind of layer does? Subclasses may have a forward of their own."""
    return isinstance(module, kind) and type(module).forward is kind.forward


def _pads_with_zeros(conv: nn.Conv2d) -> bool:
    """Does the padding lie on all sides alike, and hold zeros?"""
    even = any(d * (k - 1) % 2 for k, d in zip(conv.kernel_size, conv.dilation, strict=True))
    return conv.padding_mode == "zeros" and not (conv.padding == "same" and even)


def _all_pairs(conv: nn.Conv2d, channels: Sequence[int], came: Sequence[int]) -> Tensor:
    """Return a weight for each pair of channels, 0 between groups, and for each pixel read."""
    outs, ins = conv.out_channels // conv.groups, conv.in_channels // conv.groups
    found = conv.weight.new_zeros(len(channels), len(came), *conv.kernel_size)
    for k, channel in enumerate(channels):
        first = channel // outs * ins
        for j, source in enumerate(came):
            if first <= source < first + ins:
                found[k, j] = conv.weight[channel, source - first]
    return found
