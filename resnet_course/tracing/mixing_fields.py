"""Where values are mixed, what do they see? Means, softmax, norms, products of matrices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from resnet_course.tracing.aten import Aten, Rule
from resnet_course.tracing.fields import Field, union
from resnet_course.tracing.parts import mix, mix_groups


def mixed(field: Field, dims: Sequence[int], keep: bool = True) -> Field:
    """All values along some axes together; the axes stay, with the length 1, or go."""
    found = field.each(lambda part: mix(part, dims))
    return found if keep else found.each(lambda part: part.squeeze(tuple(1 + dim for dim in dims)))


def together(field: Field, call: Aten) -> Field:
    """A mean, a sum, a largest value: of an axis, of several, or of all."""
    dims = call.dims(default=-1 if call.name in ("kthvalue", "mode") else None)
    return mixed(field, dims, call.get("keepdim", False))


def along(field: Field, call: Aten) -> Field:
    """A softmax or a sorting: all values along an axis depend on all, and the shape stays."""
    return mixed(field, call.dims(default=-1))


def accumulated(field: Field, call: Aten) -> Field:
    """A running sum: each value depends on those before it."""
    axis = 1 + call.dim()
    return field.each(lambda part: np.minimum.accumulate(part, axis=axis))


def layer_norm(field: Field, call: Aten) -> Field:
    """The last axes together."""
    return mixed(field, range(field.ndim - len(call["normalized_shape"]), field.ndim))


def group_norm(field: Field, call: Aten) -> Field:
    """The channels of a group together, over the whole map."""
    channels, groups = call.old[1], call["group"]
    over_map = mixed(field, range(2, field.ndim))
    return over_map.each(lambda part: mix_groups(part, 1, groups, channels))


def batch_norm(field: Field, call: Aten) -> Field:
    """Each channel with its own statistics: stored ones, or those of the map (instance norm)."""
    if not call.get("training", call.get("train")):
        return field
    return mixed(field, [dim for dim in range(field.ndim) if dim != 1])


def matrix_product(field: Field, call: Aten) -> Field:
    """Of a row and a column: all values of both. The right one can be a vector."""
    *added, left, right = [each for each in call.arguments.values() if isinstance(each, Tensor)]
    found = [each for tensor in added if (each := call.field_of(tensor))]
    matrix = right.ndim > 1
    if a := call.field_of(left):
        found.append(mixed(a, [a.ndim - 1], keep=matrix))
    if b := call.field_of(right):
        found.append(mixed(b, [b.ndim - 2 if matrix else 0], keep=matrix))
    return union(found, len(call.new))


def distances(field: Field, call: Aten) -> Field:
    """Of each row of one matrix from each row of another."""
    found = []
    if a := call.field_of(call["x1"]):
        found.append(mixed(a, [a.ndim - 1]))
    if b := call.field_of(call["x2"]):
        found.append(mixed(b, [b.ndim - 1]).each(lambda part: part.swapaxes(-1, -2)))
    return union(found, len(call.new))


TOGETHER = (
    *("mean", "sum", "amax", "amin", "max", "min", "median", "nanmedian", "prod", "std", "var"),
    *("logsumexp", "linalg_vector_norm", "norm", "all", "any", "argmax", "argmin", "var_mean"),
    *("std_mean", "aminmax", "mode", "kthvalue", "nansum", "count_nonzero"),
)
ALONG = (
    *("_softmax", "_safe_softmax", "_log_softmax", "sort", "topk", "renorm"),
    *("_fft_c2c", "_fft_r2c", "_fft_c2r"),
)
RULES: dict[str, Rule] = {
    **dict.fromkeys(TOGETHER, together),
    **dict.fromkeys(ALONG, along),
    **dict.fromkeys(("cumsum", "cumprod", "cummax", "cummin", "logcumsumexp"), accumulated),
    **dict.fromkeys(("native_layer_norm", "rms_norm", "_fused_rms_norm"), layer_norm),
    "native_group_norm": group_norm,
    **dict.fromkeys(("native_batch_norm", "_native_batch_norm_legit"), batch_norm),
    "_native_batch_norm_legit_no_training": batch_norm,
    **dict.fromkeys(("mm", "bmm", "addmm", "baddbmm", "mv", "addmv", "dot"), matrix_product),
    **dict.fromkeys(("_cdist_forward", "_euclidean_dist"), distances),
}
