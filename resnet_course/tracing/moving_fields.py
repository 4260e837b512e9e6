"""Where do values go when an operation only moves them? PyTorch moves their pixels the same way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from resnet_course.tracing.aten import Aten, Rule
from resnet_course.tracing.fields import Field, lower_bound, union
from resnet_course.tracing.parts import NOTHING, Part, compact, mix, reshape


def moved(field: Field, call: Aten) -> list[Field]:
    """Run the operation on the pixels that the values of its first tensor see."""
    first = next(iter(call.arguments))
    plain = call.name in AS_THEY_ARE or (call.name == "roll" and call.get("dims"))

    def results(part: Part) -> list[Part]:
        halves = torch.from_numpy(part.copy())
        if not plain:
            apart = call.name in WITHIN_EACH and len(call.old) == 4
            halves = halves.expand(2, halves.shape[1] if apart else call.old[0], *call.old[1:])
        found = [call.operation(**call.arguments | {first: half}) for half in halves]
        pairs = [found] if isinstance(found[0], Tensor) else zip(*found, strict=True)
        return [torch.stack(pair).numpy() if plain else _joined(*pair) for pair in pairs]

    moves = {axis: list(map(results, own)) for axis, own in field.parts.items()}
    fields = []
    for i, shape in enumerate(call.shapes):
        parts = {axis: tuple(pieces[i] for pieces in own) for axis, own in moves.items()}
        fields.append(replace(field, ndim=len(shape), parts=parts))
    return fields


def _joined(first: Tensor, last: Tensor) -> Part:
    """Join the two halves of a part; axes along which nothing differs get the length 1 again."""
    lengths = dict(enumerate(first.shape))
    expanded = [dim for dim, size in lengths.items() if size > 1 and first.stride(dim) == 0]
    for dim in expanded:
        first, last = first.narrow(dim, 0, 1), last.narrow(dim, 0, 1)
    both = torch.stack([first, last]).numpy()
    # A view is still expanded; in a copy, what is equal must be looked for.
    return both if expanded else compact(both, [dim for dim, size in lengths.items() if size > 1])


def sliced(field: Field, call: Aten) -> Field:
    """`x[:, 2:9:3]`, and `x.unfold`, which puts its windows along a new last axis."""
    along = field.along(call.dim("dim" if call.name == "slice" else "dimension"))
    return moved(field, call)[0].spread(call.get("step", 1), along)


def shuffled(field: Field, call: Aten) -> Field:
    """Channels become pixels, or pixels channels, all that are `r` apart."""
    r = call.get("downscale_factor") or 1 / call["upscale_factor"]
    return moved(field, call)[0].spread(r, list(field.parts))


def indexed(field: Field, call: Aten) -> Field | list[Field]:
    """`x[:, [0, 2]]`, where the numbers are known."""
    indices = call.get("indices", [call.get("index")])
    if any(index is not None and index.is_meta for index in indices):
        return lower_bound([field], len(call.new))
    return moved(field, call)


def columns(field: Field, call: Aten) -> Field:
    """`F.unfold`: each window is a column; the padding sees nothing."""
    margins = [(0, 0)] * (field.ndim - 1) + [(margin, margin) for margin in call["padding"]]
    options = {name: call[name] for name in ("kernel_size", "dilation", "stride")}

    def change(part: Part) -> Part:
        batch = part.shape[1] if len(call.old) == 4 else call.old[0]
        maps = np.broadcast_to(part, (2, batch, *call.old[1:]))
        maps = np.pad(maps, margins, constant_values=NOTHING)
        halves = torch.from_numpy(maps).double()  # PyTorch unfolds no whole numbers
        return _joined(*(F.unfold(half, **options).int() for half in halves))

    return field.each(change)


def viewed(field: Field, call: Aten) -> Field:
    """The same values with other axes."""
    return field.each(lambda part: reshape(part, call.old, call.new))


def strided(field: Field, call: Aten) -> Field:
    """Any view; PyTorch uses it to lay out a pooled map differently. Known if all see the same."""
    if any(any(varies) for varies in field.varies.values()):
        return lower_bound([field], len(call.new))
    return field.each(lambda part: part.reshape(2, *(1,) * len(call.new)))


def with_new_last_axis(field: Field, call: Aten) -> Field:
    """A vector in place of each value, as an embedding gives."""
    return field.each(lambda part: part[..., None])


def without_last_axis(field: Field, call: Aten) -> Field:
    """A complex number of each pair."""
    return field.each(lambda part: mix(part, [part.ndim - 2]).squeeze(-1))


def halves(field: Field, call: Aten) -> Field:
    """`F.glu`: each value of the first half with that of the second."""
    dim = call.dim(default=-1)
    half = call.old[dim] // 2
    return field.taken(dim, 2 * half, np.arange(half)[:, None] + [0, half])


def concatenated(field: Field, call: Aten) -> Field:
    """Tensors one after another along an axis."""
    dim, ndim = call.dim(), len(call.new)
    tensors = [tensor for tensor in call["tensors"] if tensor.ndim == ndim]
    known = [call.field_of(tensor) for tensor in tensors]
    if all(each is field for each in known) and not field.along(dim):
        return field
    return _one_after_another(known, [tensor.shape[dim] for tensor in tensors], dim, ndim)


def stacked(field: Field, call: Aten) -> Field:
    """Tensors one after another along a new axis."""
    dim, ndim = call.get("dim", 0) % len(call.new), len(call.new)
    known = [call.field_of(tensor) for tensor in call["tensors"]]
    wide = [each and each.each(lambda part: np.expand_dims(part, 1 + dim)) for each in known]
    return _one_after_another(wide, [1] * len(wide), dim, ndim)


def _one_after_another(
    known: Sequence[Field | None], sizes: Sequence[int], dim: int, ndim: int
) -> Field:
    """Put the fields of several tensors together, which are as long along `dim` as `sizes` says."""
    joined = union([each for each in known if each], ndim)
    nothing = (np.full((2,) + (1,) * ndim, NOTHING, dtype=np.int32),)
    parts = {}
    for axis in joined.parts:
        own = [each.parts.get(axis, nothing) if each else nothing for each in known]
        pieces = [reduce(np.minimum, arrays) for arrays in own]
        common = [max(lengths) for lengths in zip(*(piece.shape for piece in pieces), strict=True)]
        shapes = [(*common[: 1 + dim], size, *common[2 + dim :]) for size in sizes]
        parts[axis] = (np.concatenate(list(map(np.broadcast_to, pieces, shapes)), axis=1 + dim),)
    return replace(joined, parts=parts)


# For these it makes no difference whether an axis of equal values has its length or 1.
AS_THEY_ARE = ("permute", "transpose", "t", "flip", "unsqueeze")
# These leave the pictures of a batch apart.
WITHIN_EACH = ("pixel_shuffle", "pixel_unshuffle", "channel_shuffle")
BY_LENGTH = (
    *("roll", "squeeze", "expand", "repeat", "select", "unbind", "split", "unsafe_split"),
    *("split_with_sizes", "diagonal", "channel_shuffle"),
)
RULES: dict[str, Rule] = {
    **dict.fromkeys(AS_THEY_ARE + BY_LENGTH, moved),
    **dict.fromkeys(("slice", "unfold"), sliced),
    **dict.fromkeys(("pixel_shuffle", "pixel_unshuffle"), shuffled),
    **dict.fromkeys(("index", "index_select"), indexed),
    "im2col": columns,
    **dict.fromkeys(("view", "_unsafe_view", "reshape", "_reshape_alias"), viewed),
    **dict.fromkeys(("unflatten", "flatten"), viewed),
    "as_strided": strided,
    **dict.fromkeys(("embedding", "view_as_real"), with_new_last_axis),
    "view_as_complex": without_last_axis,
    "glu": halves,
    "cat": concatenated,
    "stack": stacked,
}
