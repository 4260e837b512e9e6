"""Where values are mixed, what do they see? Means, softmax, norms, products of matrices."""

from __future__ import annotations

import numpy as np

from resnet_course.tracing.aten import Aten, Rule
from resnet_course.tracing.fields import Field, union
from resnet_course.tracing.parts import mix, mix_groups


def together(field: Field, call: Aten) -> Field:
    """A mean, a sum, a largest value: of an axis, of several, or of all."""
    dims = call.dims(default=-1 if call.name in ("kthvalue", "mode") else None)
    mixed = field.each(lambda part: mix(part, dims))
    if call.get("keepdim"):
        return mixed
    return mixed.each(lambda part: part.squeeze(tuple(1 + dim for dim in dims)))


def along(field: Field, call: Aten) -> Field:
    """A softmax or a sorting: all values along an axis depend on all, and the shape stays."""
    dims = call.dims(default=-1)
    return field.each(lambda part: mix(part, dims))


def accumulated(field: Field, call: Aten) -> Field:
    """A running sum: each value depends on those before it."""
    axis = 1 + call.dim()
    return field.each(lambda part: np.minimum.accumulate(part, axis=axis))


def layer_norm(field: Field, call: Aten) -> Field:
    """The last axes together."""
    dims = range(field.ndim - len(call["normalized_shape"]), field.ndim)
    return field.each(lambda part: mix(part, dims))


def group_norm(field: Field, call: Aten) -> Field:
    """The channels of a group together, over the whole map."""
    channels, dims = call.old[1], range(2, field.ndim)
    return field.each(lambda part: mix(mix_groups(part, 1, call["group"], channels), dims))


def batch_norm(field: Field, call: Aten) -> Field:
    """Each channel with its own statistics: stored ones, or those of the map (instance norm)."""
    if not call.get("training", call.get("train")):
        return field
    dims = [dim for dim in range(field.ndim) if dim != 1]
    return field.each(lambda part: mix(part, dims))


def matrix_product(field: Field, call: Aten) -> Field:
    """Of a row and a column: all values of both. The right one can be a vector."""
    pairs = (("batch1", "batch2"), ("mat1", "mat2"), ("mat", "vec"), ("self", "mat2"))
    pairs = (*pairs, ("self", "vec"), ("self", "tensor"))
    left, right = next(pair for pair in pairs if all(name in call.arguments for name in pair))
    found = []
    if a := call.field_of(call[left]):
        a = a.each(lambda part: mix(part, [a.ndim - 1]))
        found.append(a if call[right].ndim > 1 else a.each(lambda part: part.squeeze(-1)))
    if b := call.field_of(call[right]):
        found.append(b.each(lambda part: mix(part, [max(b.ndim - 2, 0)])))
        if b.ndim == 1:
            found[-1] = b.each(lambda part: mix(part, [0]).squeeze(-1))
    if left != "self" and (added := call.field_of(call.get("self"))):
        found.append(added)
    return union(found, len(call.new))


def distances(field: Field, call: Aten) -> Field:
    """Of each row of one matrix from each row of another."""
    found = []
    if a := call.field_of(call["x1"]):
        found.append(a.each(lambda part: mix(part, [a.ndim - 1])))
    if b := call.field_of(call["x2"]):
        found.append(b.each(lambda part: mix(part, [b.ndim - 1]).swapaxes(-1, -2)))
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
    "_cdist_forward": distances,
}
