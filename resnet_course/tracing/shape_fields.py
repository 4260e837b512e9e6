"""Where do values go when a tensor gets another shape? Views, axes in another order, shuffles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import numpy as np

from resnet_course.tracing.aten import Aten, Rule
from resnet_course.tracing.fields import Field, lower_bound
from resnet_course.tracing.parts import Part, lengthen, mix, reshape


def as_tensor(change: Callable[[Part, Aten], Part]) -> Rule:
    """A rule that changes all arrays in the same way, as PyTorch changes the tensor."""
    return lambda field, call: field.each(lambda part: change(part, call))


def viewed(part: Part, call: Aten) -> Part:
    """The same values with other axes."""
    return reshape(part, call.old, call.new)


def expanded(part: Part, call: Aten) -> Part:
    """The same along axes that had the length 1, and along new ones in front."""
    return lengthen(part, len(call.new))


def repeated(part: Part, call: Aten) -> Part:
    """Copies one after another; where nothing differs, nothing differs in several copies."""
    part = lengthen(part, len(call.new))
    times = [r if n > 1 else 1 for r, n in zip(call["repeats"], part.shape[1:], strict=True)]
    return np.tile(part, (1, *times))


def permuted(part: Part, call: Aten) -> Part:
    """All axes in another order."""
    return part.transpose(0, *(1 + dim for dim in call.dims()))


def transposed(part: Part, call: Aten) -> Part:
    """Two axes in each other's place; a vector stays as it is."""
    if part.ndim == 2:
        return part
    return part.swapaxes(1 + call.dim("dim0", 0), 1 + call.dim("dim1", 1))


def flipped(part: Part, call: Aten) -> Part:
    """Backwards along some axes."""
    return np.flip(part, tuple(1 + dim for dim in call.dims()))


def rolled(part: Part, call: Aten) -> Part:
    """What leaves at the end of an axis comes in at its start; without axes, as one long row."""
    if not call.get("dims"):
        long = reshape(part, call.old, (prod(call.old),))
        return reshape(np.roll(long, call["shifts"], 1), (prod(call.old),), call.old)
    return np.roll(part, call["shifts"], tuple(1 + dim for dim in call.dims()))


def squeezed(part: Part, call: Aten) -> Part:
    """Without axes of length 1, or without those of them that are named."""
    gone = [dim for dim in call.dims() if call.old[dim] == 1]
    return part.squeeze(tuple(1 + dim for dim in gone))


def unsqueezed(part: Part, call: Aten) -> Part:
    """With a new axis of length 1."""
    return np.expand_dims(part, 1 + call["dim"] % part.ndim)


def with_new_last_axis(part: Part, call: Aten) -> Part:
    """A vector in place of each value, as an embedding gives."""
    return part[..., None]


def without_last_axis(part: Part, call: Aten) -> Part:
    """A complex number of each pair."""
    return mix(part, [part.ndim - 2]).squeeze(-1)


def shuffled(
    part: Part, old: Sequence[int], inner: Sequence[int], order: Sequence[int], new: Sequence[int]
) -> Part:
    """View the last axes as `inner`, bring those in another order, and view them as `new`."""
    outer = len(new) - 3
    before = new[:outer]
    part = reshape(part, old, (*before, *inner))
    part = part.transpose(*range(1 + outer), *(1 + outer + axis for axis in order))
    return reshape(part, (*before, *(inner[axis] for axis in order)), new)


def pixel_shuffle(field: Field, call: Aten) -> Field:
    """Channels become pixels: (channels · r², height, width) to (channels, r · height, …)."""
    r = call["upscale_factor"]
    channels, height, width = call.old[-3:]
    inner = (channels // r**2, r, r, height, width)
    new = field.each(lambda part: shuffled(part, call.old, inner, (0, 3, 1, 4, 2), call.new))
    return new.spread(1 / r, list(field.parts))


def pixel_unshuffle(field: Field, call: Aten) -> Field:
    """Pixels become channels."""
    r = call["downscale_factor"]
    channels, height, width = call.old[-3:]
    inner = (channels, height // r, r, width // r, r)
    new = field.each(lambda part: shuffled(part, call.old, inner, (0, 2, 4, 1, 3), call.new))
    return new.spread(r, list(field.parts))


def channel_shuffle(part: Part, call: Aten) -> Part:
    """The first channel of each group, the second of each group, …"""
    (batch, channels, *rest), groups = call.old, call["groups"]
    inner = (batch, groups, channels // groups, *rest)
    part = reshape(part, call.old, inner).swapaxes(2, 3)
    return reshape(part, (batch, inner[2], groups, *rest), call.new)


def diagonal(part: Part, call: Aten) -> Part:
    """The values on the diagonal of two axes, along a new last axis."""
    a, b = call.dim("dim1", 0), call.dim("dim2", 1)
    wide = [n if dim in (a, b) else part.shape[1 + dim] for dim, n in enumerate(call.old)]
    return np.broadcast_to(part, (2, *wide)).diagonal(call.get("offset", 0), 1 + a, 1 + b)


def strided(field: Field, call: Aten) -> Field:
    """Any view; PyTorch uses it to lay out a pooled map differently. Known if all see the same."""
    if any(any(varies) for varies in field.varies.values()):
        return lower_bound([field], len(call.new))
    return field.each(lambda part: part.reshape(2, *(1,) * len(call.new)))


RULES: dict[str, Rule] = {
    **dict.fromkeys(("view", "_unsafe_view", "reshape", "_reshape_alias"), as_tensor(viewed)),
    **dict.fromkeys(("unflatten", "flatten"), as_tensor(viewed)),
    "expand": as_tensor(expanded),
    "repeat": as_tensor(repeated),
    "permute": as_tensor(permuted),
    **dict.fromkeys(("transpose", "t"), as_tensor(transposed)),
    "flip": as_tensor(flipped),
    "roll": as_tensor(rolled),
    "squeeze": as_tensor(squeezed),
    "unsqueeze": as_tensor(unsqueezed),
    **dict.fromkeys(("embedding", "view_as_real"), as_tensor(with_new_last_axis)),
    "view_as_complex": as_tensor(without_last_axis),
    "pixel_shuffle": pixel_shuffle,
    "pixel_unshuffle": pixel_unshuffle,
    "channel_shuffle": as_tensor(channel_shuffle),
    "diagonal": as_tensor(diagonal),
    "as_strided": strided,
}
