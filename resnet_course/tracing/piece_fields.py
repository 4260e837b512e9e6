"""What do the values of a piece of a tensor see, and those of pieces put together?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

import numpy as np
import torch
from torch import Tensor

from resnet_course.tracing.aten import Aten, Rule
from resnet_course.tracing.fields import Field, lower_bound, union
from resnet_course.tracing.parts import NOTHING


def sliced(field: Field, call: Aten) -> Field:
    """`x[:, 2:9:3]`."""
    dim, step = call.dim(), call.get("step", 1)
    kept = range(call.old[dim])[slice(call.get("start"), call.get("end"), step)]
    along = field.along(dim)
    places = np.array(kept, dtype=int)[:, None]
    return field.taken(dim, call.old[dim], places).spread(step, along)


def selected(field: Field, call: Aten) -> Field:
    """`x[:, 2]`."""
    return _at(field, call.dim(), call["index"])


def unbound(field: Field, call: Aten) -> list[Field]:
    """All pieces of length 1, without their axis."""
    return [_at(field, call.dim(), index) for index in range(len(call.shapes))]


def _at(field: Field, dim: int, index: int) -> Field:
    axis = 1 + dim
    return field.each(lambda part: part.take(index if part.shape[axis] > 1 else 0, axis=axis))


def split(field: Field, call: Aten) -> list[Field]:
    """Pieces along an axis, one after another."""
    dim = call.dim()
    ends = np.cumsum([shape[dim] for shape in call.shapes])
    places = [
        np.arange(end - shape[dim], end) for end, shape in zip(ends, call.shapes, strict=True)
    ]
    return [field.taken(dim, call.old[dim], place[:, None]) for place in places]


def halves(field: Field, call: Aten) -> Field:
    """`F.glu`: each value of the first half with that of the second."""
    dim = call.dim(default=-1)
    half = call.old[dim] // 2
    return field.taken(dim, 2 * half, np.arange(half)[:, None] + [0, half])


def indexed(field: Field, call: Aten) -> Field:
    """`x[:, [0, 2]]`, one axis with numbers that are known; of others, a lower bound."""
    dims = [dim for dim, index in enumerate(call["indices"]) if index is not None]
    index = call["indices"][dims[0]]
    if len(dims) > 1 or index.ndim != 1 or index.dtype == torch.bool:
        return lower_bound([field], len(call.new))
    return _chosen(field, call, dims[0], index)


def index_selected(field: Field, call: Aten) -> Field:
    """`x.index_select(dim, index)`."""
    return _chosen(field, call, call.dim(), call["index"].reshape(-1))


def _chosen(field: Field, call: Aten, dim: int, index: Tensor) -> Field:
    if index.is_meta:
        return lower_bound([field], len(call.new))
    return field.taken(dim, call.old[dim], index.numpy()[:, None] % call.old[dim])


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


RULES: dict[str, Rule] = {
    "slice": sliced,
    "select": selected,
    **dict.fromkeys(("split", "unsafe_split", "split_with_sizes"), split),
    "unbind": unbound,
    "glu": halves,
    "index": indexed,
    "index_select": index_selected,
    "cat": concatenated,
    "stack": stacked,
}
