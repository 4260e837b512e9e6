"""How each of PyTorch's operations changes what its values see.

Whatever a learner calls, `x.mean((2, 3))`, `F.interpolate` or `einsum`, ends in one of some two
hundred operations of PyTorch's core, `aten`. `follow` knows those by name; its functions get the
arguments under the names of the operation's schema. An operation that is not in the table passes on
what it got, marked as a lower bound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from resnet_course.tracing.fields import NOTHING, Field, Part, mix, reshape, take, union

Call = dict[str, Any]  # an operation's arguments by name; "_fields", "_out" besides
Rule = Callable[[Field, Call], "Field | list[Field]"]

# These work on each value for itself. Most have PyTorch's own tag `pointwise`; these have none.
POINTWISE = set(
    [
        "_to_copy",
        "alias",
        "detach",
        "lift_fresh",
        "hardswish_",
        "_prelu_kernel",
        "complex",
        "native_dropout",
        "triu",
        "tril",
        "to",
        "dropout",
        "feature_dropout",
        "contiguous",
        "view_as_real",
        "_conj",
        "rrelu_with_noise",
    ]
)
# These make tensors whose values do not depend on those of their inputs.
BY_SHAPE = ("zeros", "ones", "empty", "full", "rand", "new_", "arange", "scalar_tensor")
ALL_TOGETHER = set(
    [
        "mean",
        "sum",
        "amax",
        "amin",
        "max",
        "min",
        "median",
        "nanmedian",
        "prod",
        "std",
        "var",
        "logsumexp",
        "linalg_vector_norm",
        "norm",
        "all",
        "any",
        "argmax",
        "argmin",
        "var_mean",
        "std_mean",
        "aminmax",
        "mode",
        "kthvalue",
        "nansum",
        "count_nonzero",
    ]
)
# Along one axis, all values depend on all, and the shape stays.
ALONG = set(["_softmax", "_safe_softmax", "_log_softmax", "sort", "topk", "_fft_c2c", "renorm"])


def follow(name: str, call: Call, fields: Sequence[Field], pointwise: bool) -> list[Field]:
    """Return what the values of each result see.

    Args:
        name: of the operation, "convolution".
        call: its arguments, and under "_shapes" the shapes of its results.
        fields: of those of its tensors that depend on the input, in order.
        pointwise: PyTorch says that it works on each value for itself.
    """
    shapes = call["_shapes"]
    ndim = len(shapes[0])
    if not any(each.parts for each in fields):
        return [union(fields, ndim)] * len(shapes)
    plain = name.rstrip("_")
    rule = RULES.get(name) or RULES.get(plain)
    if rule:
        found = rule(fields[0], call)
        found = found if isinstance(found, list) else [found]
    elif pointwise or name in POINTWISE or plain in POINTWISE:
        found = [union(fields, ndim)]
    elif plain in ALL_TOGETHER:
        found = [_together(fields[0], call)]
    elif plain in ALONG:
        found = [_mixed(fields[0], call)]
    else:
        found = [_unknown(fields, call)]
    return found if len(found) == len(shapes) else found * len(shapes)


def _unknown(fields: Sequence[Field], call: Call) -> Field:
    """At least what the value in the middle saw."""
    shape = call["_shapes"][0]
    same = len(fields) == 1 and call["_inputs"][0] == shape
    if same:
        return fields[0].guessed()
    joined = union(fields, max(each.ndim for each in fields))
    ones = (2,) + (1,) * len(shape)
    parts = {
        axis: (np.array([first, -last]).reshape(ones),)
        for axis, (first, last) in joined.middle.items()
    }
    return Field(len(shape), parts, joined.jump, joined.sizes, exact=False)


def _dims(call: Call, ndim: int, name: str = "dim") -> list[int]:
    """Read an axis, several, or all."""
    given = call.get(name, call.get("dims"))
    if given is None or given == []:
        return list(range(ndim))
    return [dim % max(ndim, 1) for dim in (given if isinstance(given, (list, tuple)) else [given])]


def _together(field: Field, call: Call) -> Field:
    """A mean, a sum, a largest value: of an axis, or of all."""
    dims = _dims(call, field.ndim)
    if call.get("keepdim"):
        return field.each(lambda part: mix(part, dims))
    axes = tuple(1 + dim for dim in dims)
    new = field.each(lambda part: mix(part, dims).squeeze(axes))
    return Field(field.ndim - len(dims), new.parts, new.jump, new.sizes, new.exact)


def _mixed(field: Field, call: Call) -> Field:
    dims = _dims(call, field.ndim) if call.get("dim") is not None else [field.ndim - 1]
    return field.each(lambda part: mix(part, dims))


def _accumulated(field: Field, call: Call) -> Field:
    axis = 1 + call["dim"] % field.ndim
    return field.each(lambda part: np.minimum.accumulate(part, axis=axis))


def _last_axes_mixed(field: Field, call: Call) -> Field:
    """Layer norm: the last axes together."""
    dims = range(field.ndim - len(call["normalized_shape"]), field.ndim)
    return field.each(lambda part: mix(part, dims))


def _group_norm(field: Field, call: Call) -> Field:
    dims, groups = range(2, field.ndim), call["group"]
    return _grouped(field, groups).each(lambda part: mix(part, dims))


def _grouped(field: Field, groups: int) -> Field:
    """Let the channels of a group see the same; each stays one channel."""

    def change(part: Part) -> Part:
        if groups == 1 or part.shape[2] == 1:
            return mix(part, [1])
        return mix(part, [1], groups).repeat(part.shape[2] // groups, axis=2)

    return field.each(change)


def _batch_norm(field: Field, call: Call) -> Field:
    if not call.get("training", call.get("train")):
        return field
    dims = [dim for dim in range(field.ndim) if dim != 1]
    return field.each(lambda part: mix(part, dims))


# Windows --------------------------------------------------------------------------------------


def _per_axis(value: Any, axes: int) -> list[int]:
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    return values if len(values) == axes else values * axes


def _windows(field: Field, call: Call, kernel: Sequence[int], first_dim: int) -> Field:
    """Convolution or pooling: each result sees what its window saw."""
    axes = len(kernel)
    strides = _per_axis(call.get("stride") or list(kernel), axes)
    paddings = _per_axis(call.get("padding", 0), axes)
    dilations = _per_axis(call.get("dilation", 1), axes)
    transposed = call.get("transposed", False)
    shape, out = call["_inputs"][0], call["_shapes"][0]
    for i, (k, s, p, d) in enumerate(zip(kernel, strides, paddings, dilations, strict=True)):
        dim = first_dim + i
        if k == 1 and s == 1 and p == 0:
            continue
        results, taps = np.arange(out[dim])[:, None], np.arange(k) * d
        used = None
        if transposed:
            # One result meets only every stride-th of the kernel's values.
            offsets = results + p - taps
            places, used = offsets // s, offsets % s == 0
        else:
            places = results * s - p + taps
        field = _taken(field, dim, shape[dim], places, used)
        field = field.spread(1 / s if transposed else s, field.along(dim))
    return field


def _taken(field: Field, dim: int, size: int, places: Any, used: Any = None) -> Field:
    here = field.along(dim)
    parts = {
        axis: tuple(take(part, dim, size, places, field.jump[axis], used) for part in own)
        if axis in here
        else own
        for axis, own in field.parts.items()
    }
    return Field(field.ndim, parts, field.jump, field.sizes, field.exact)


def _convolution(field: Field, call: Call) -> Field:
    fields, weight = call["_fields"], call["weight"]
    data = call["input"]
    out = call["_shapes"][0]
    if len(fields) > 1 or fields[0] is not call["_of"](data):
        return _product_of_all(fields, len(out))
    groups = call.get("groups", 1)

    def channels(part: Part) -> Part:
        if groups == 1 or part.shape[2] == 1:
            return mix(part, [1])
        return mix(part, [1], groups).repeat(out[1] // groups, axis=2)

    field = _windows(field, call, weight.shape[2:], 2)
    return (
        field.each(channels)
        if any(p.shape[2] > 1 for o in field.parts.values() for p in o)
        else field
    )


def _deform_conv(field: Field, call: Call) -> Field:
    """The offsets say where the windows lie: no one knows them."""
    names = ("stride", "padding", "dilation")
    letters = [("stride_h", "stride_w"), ("pad_h", "pad_w"), ("dilation_h", "dilation_w")]
    plain = {n: [call[a], call[b]] for n, (a, b) in zip(names, letters, strict=True)} | call
    return _windows(field, plain, call["weight"].shape[2:], 2).guessed()


def _product_of_all(fields: Sequence[Field], ndim: int) -> Field:
    """Values that depend on all of all of these tensors."""
    whole = [each.each(lambda part: mix(part, range(part.ndim - 1)).reshape(2)) for each in fields]
    return union([Field(0, f.parts, f.jump, f.sizes, f.exact) for f in whole], ndim)


def _pool(field: Field, call: Call) -> Field:
    axes = int(next(c for c in call["_name"] if c.isdigit()))
    return _windows(field, call, _per_axis(call["kernel_size"], axes), field.ndim - axes)


def _adaptive(field: Field, call: Call) -> Field:
    old, new = call["_inputs"][0], call["_shapes"][0]
    axes = int(next(c for c in call["_name"] if c.isdigit()))
    for dim in range(field.ndim - axes, field.ndim):
        n, m = old[dim], new[dim]
        start = np.arange(m) * n // m
        end = -(-(np.arange(m) + 1) * n // m)
        places = np.minimum(start[:, None] + np.arange((end - start).max()), end[:, None] - 1)
        along = field.along(dim)
        field = _taken(field, dim, n, places).spread(n // m or 1, along)
    return field


def _resized(field: Field, call: Call) -> Field:
    """Nearest, linear and cubic interpolation: which pixels does each result read?"""
    name, old, new = call["_name"], call["_inputs"][0], call["_shapes"][0]
    scales = [call[s] for s in ("scales_d", "scales_h", "scales_w", "scales") if s in call]
    for dim in range(2, field.ndim):
        n, m = old[dim], new[dim]
        i = dim - 2 - (field.ndim - 2 - len(scales))
        scale = scales[i] if 0 <= i < len(scales) else None
        used = None
        ratio = np.float32(1 / scale) if scale else np.float32(n) / np.float32(m)
        at = np.arange(m, dtype=np.float32)
        if "nearest_exact" in name:
            places = np.floor((at + np.float32(0.5)) * ratio).astype(int)[:, None]
        elif "nearest" in name:
            places = np.floor(at * ratio).astype(int)[:, None]
        elif name.endswith("_aa"):
            reach = (2 if "bicubic" in name else 1) * max(float(ratio), 1.0)
            centre = (at + 0.5) * ratio
            low = np.maximum((centre - reach + 0.5).astype(int), 0)
            high = np.minimum((centre + reach + 0.5).astype(int), n)
            places = low[:, None] + np.arange((high - low).max())
            used = places < high[:, None]
        else:
            if call.get("align_corners"):
                source = at * np.float32((n - 1) / (m - 1) if m > 1 else 0)
            else:
                source = (at + np.float32(0.5)) * ratio - np.float32(0.5)
            cubic = "bicubic" in name
            source = source if cubic else np.maximum(source, 0)
            low = np.floor(source)
            taps = np.arange(-1, 3) if cubic else np.arange(2)
            places = low.astype(int)[:, None] + taps
            used = (taps == 0) | (source > low)[:, None]
        along = field.along(dim)
        field = _taken(field, dim, n, places.clip(0, n - 1), used).spread(n / m, along)
    return field


def _padded(field: Field, call: Call) -> Field:
    """Zeros, or the picture's own pixels: as if the picture went on."""
    pads, old, new = call.get("pad", call.get("padding")), call["_inputs"][0], call["_shapes"][0]
    for i, before in enumerate(pads[::2]):
        dim = field.ndim - 1 - i
        if old[dim] != new[dim] or before:
            field = _taken(field, dim, old[dim], np.arange(new[dim])[:, None] - before)
    return field


# Products --------------------------------------------------------------------------------------


def _matrix_product(field: Field, call: Call) -> Field:
    """Of a row and a column: all values of both."""
    of, ndim = call["_of"], len(call["_shapes"][0])
    pairs = [("self", "mat2"), ("mat1", "mat2"), ("batch1", "batch2"), ("self", "vec")]
    left, right = next(pair for pair in reversed(pairs) if all(name in call for name in pair))
    found = []
    if (a := of(call[left])) is not None:
        found.append(a.each(lambda part: mix(part, [part.ndim - 2])))
    if (b := of(call[right])) is not None:
        found.append(b.each(lambda part: mix(part, [max(part.ndim - 3, 0)])))
    if right != "self" and left != "self" and (c := of(call.get("self"))) is not None:
        found.append(c)
    return union(found, ndim)


# Shapes ----------------------------------------------------------------------------------------


def _moved(change: Callable[[Part, Call, int], Part]) -> Rule:
    """A rule that changes all arrays in the same way, as PyTorch changes the tensor."""

    def rule(field: Field, call: Call) -> Field:
        new = field.each(lambda part: change(part, call, field.ndim))
        return Field(len(call["_shapes"][0]), new.parts, new.jump, new.sizes, new.exact)

    return rule


def _viewed(part: Part, call: Call, ndim: int) -> Part:
    return reshape(part, call["_inputs"][0], call["_shapes"][0])


def _slice(field: Field, call: Call) -> Field:
    dim = call.get("dim", 0) % field.ndim
    size, step = call["_inputs"][0][dim], call.get("step", 1)
    kept = range(size)[slice(call.get("start"), call.get("end"), step)]
    places = np.array(kept, dtype=int)[:, None]
    along = field.along(dim)
    return _taken(field, dim, size, places).spread(step, along)


def _select(part: Part, call: Call, ndim: int) -> Part:
    axis = 1 + call["dim"] % ndim
    return part.take(call["index"] if part.shape[axis] > 1 else 0, axis=axis)


def _split(field: Field, call: Call) -> list[Field]:
    dim = call.get("dim", 0) % field.ndim
    size, start, found = call["_inputs"][0][dim], 0, []
    for shape in call["_shapes"]:
        places = np.arange(start, start + shape[dim])[:, None]
        found.append(_taken(field, dim, size, places))
        start += shape[dim]
    return found


def _unbind(field: Field, call: Call) -> list[Field]:
    dim, rule = call.get("dim", 0), _moved(_select)
    return [rule(field, {**call, "dim": dim, "index": i}) for i in range(len(call["_shapes"]))]


def _expanded(part: Part, call: Call, ndim: int) -> Part:
    return part.reshape(2, *(1,) * (len(call["_shapes"][0]) - ndim), *part.shape[1:])


def _repeated(part: Part, call: Call, ndim: int) -> Part:
    repeats, old = call["repeats"], call["_inputs"][0]
    part = part.reshape(2, *(1,) * (len(repeats) - ndim), *part.shape[1:])
    sizes = (1,) * (len(repeats) - ndim) + tuple(old)
    times = [
        r if p == n and n > 1 else 1 for r, p, n in zip(repeats, part.shape[1:], sizes, strict=True)
    ]
    return np.tile(part, (1, *times))


def _permuted(part: Part, call: Call, ndim: int) -> Part:
    return part.transpose(0, *(1 + dim % ndim for dim in call["dims"]))


def _transposed(part: Part, call: Call, ndim: int) -> Part:
    a, b = (call.get("dim0", 0), call.get("dim1", 1)) if ndim > 1 else (0, 0)
    return part.swapaxes(1 + a % ndim, 1 + b % ndim)


def _flipped(part: Part, call: Call, ndim: int) -> Part:
    return np.flip(part, tuple(1 + dim % ndim for dim in call["dims"]))


def _rolled(part: Part, call: Call, ndim: int) -> Part:
    shifts, dims = call["shifts"], call.get("dims") or []
    if not dims:
        return mix(part, range(ndim))
    return np.roll(part, shifts, tuple(1 + dim % ndim for dim in dims))


def _pixel_shuffle(field: Field, call: Call) -> Field:
    r = call["upscale_factor"]
    n, c, h, w = call["_inputs"][0]
    old, inner = (n, c, h, w), (n, c // r**2, r, r, h, w)
    new = call["_shapes"][0]

    def change(part: Part) -> Part:
        part = reshape(part, old, inner).transpose(0, 1, 2, 5, 3, 6, 4)
        return reshape(part, (n, c // r**2, h, r, w, r), new)

    return field.each(change).spread(1 / r, list(field.parts))


def _pixel_unshuffle(field: Field, call: Call) -> Field:
    r = call["downscale_factor"]
    n, c, h, w = call["_inputs"][0]
    new = call["_shapes"][0]

    def change(part: Part) -> Part:
        part = reshape(part, (n, c, h, w), (n, c, h // r, r, w // r, r))
        return reshape(part.transpose(0, 1, 2, 4, 6, 3, 5), (n, c, r, r, h // r, w // r), new)

    return field.each(change).spread(r, list(field.parts))


def _channel_shuffle(part: Part, call: Call, ndim: int) -> Part:
    n, c, *rest = call["_inputs"][0]
    split = (n, call["groups"], c // call["groups"], *rest)
    part = reshape(part, (n, c, *rest), split).swapaxes(2, 3)
    return reshape(part, (n, split[2], split[1], *rest), (n, c, *rest))


def _unfolded(field: Field, call: Call) -> Field:
    """`Tensor.unfold`: windows along one axis, their values along a new last one."""
    dim = call["dimension"] % field.ndim
    size = call["_inputs"][0][dim]
    results = call["_shapes"][0][dim]
    places = np.arange(results)[:, None] * call["step"] + np.arange(call["size"])

    def change(part: Part) -> Part:
        if part.shape[1 + dim] < size:
            return part[..., None]
        found = np.moveaxis(part, 1 + dim, -1)[..., places]
        return np.moveaxis(found, -2, 1 + dim)

    return field.each(change)


def _im2col(field: Field, call: Call) -> Field:
    """`F.unfold`: each window is a column."""
    n, c, *sizes = call["_inputs"][0]
    kernel = _per_axis(call["kernel_size"], 2)
    given = zip(
        *(_per_axis(call[name], 2) for name in ("stride", "padding", "dilation")),
        sizes,
        kernel,
        strict=True,
    )
    places = []
    for s, p, d, size, k in given:
        results = (size + 2 * p - d * (k - 1) - 1) // s + 1
        places.append(np.arange(results) * s - p + (np.arange(k) * d)[:, None])
    full = (n, c, kernel[0], kernel[1], places[0].shape[1], places[1].shape[1])

    def change(part: Part) -> Part:
        rows = _spread_out(part, 2, sizes[0], places[0])  # (2, n, c, kh, oh, w)
        both = _spread_out(rows, 4, sizes[1], places[1])  # (2, n, c, kh, oh, kw, ow)
        return reshape(both.transpose(0, 1, 2, 3, 5, 4, 6), full, call["_shapes"][0])

    new = field.each(change)
    return Field(3, new.parts, new.jump, new.sizes, new.exact)


def _spread_out(part: Part, dim: int, size: int, places: np.ndarray) -> Part:
    """Two axes in place of one: the places in a table."""
    if part.shape[1 + dim] < size:
        return np.expand_dims(part, 1 + dim)
    inside = places.clip(0, size - 1)
    found = np.where(inside == places, np.moveaxis(part, 1 + dim, -1)[..., inside], NOTHING)
    return np.moveaxis(found, (-2, -1), (1 + dim, 2 + dim))


def _joined(field: Field, call: Call, stack: bool = False) -> Field:
    """Tensors one after another along an axis."""
    shape = call["_shapes"][0]
    dim = call.get("dim", 0) % len(shape)
    tensors = [t for t in call["tensors"] if t.ndim == len(shape) - stack]
    known = [call["_of"](t) for t in tensors]
    fields = [each for each in known if each is not None]
    if all(each is field for each in known) and not (stack or field.along(dim)):
        return field
    joined = union(fields, len(shape) - stack) if not stack else union(fields, field.ndim)
    parts = {axis: (_one_after_another(axis, known, tensors, dim, stack),) for axis in joined.parts}
    return Field(len(shape), parts, joined.jump, joined.sizes, joined.exact)


def _one_after_another(
    axis: Any, known: Sequence[Field | None], tensors: Sequence[Tensor], dim: int, stack: bool
) -> Part:
    pieces = []
    for field, tensor in zip(known, tensors, strict=True):
        own = field.parts.get(axis) if field else None
        if own:
            piece = own[0] if len(own) == 1 else np.minimum(*np.broadcast_arrays(*own))
        else:
            piece = np.full((2,) + (1,) * tensor.ndim, NOTHING)
        if stack:
            piece = np.expand_dims(piece, 1 + dim)
        elif tensor.shape[dim] > 1 or piece.shape[1 + dim] > 1:
            wide = list(piece.shape)
            wide[1 + dim] = tensor.shape[dim]
            piece = np.broadcast_to(piece, wide)
        pieces.append(piece)
    common = [max(sizes) for sizes in zip(*(piece.shape for piece in pieces), strict=True)]
    pieces = [
        np.broadcast_to(piece, [*common[: 1 + dim], piece.shape[1 + dim], *common[2 + dim :]])
        for piece in pieces
    ]
    return np.concatenate(pieces, axis=1 + dim)


def _indexed(field: Field, call: Call) -> Field:
    """`x[[0, 2]]`: chosen along some axes; which ones is only known of indices with numbers."""
    indices = call["indices"] if "indices" in call else None
    dims = [d for d, each in enumerate(indices) if each is not None] if indices else []
    one = len(dims) == 1 and indices[dims[0]].ndim == 1 and not indices[dims[0]].is_meta
    if one and indices[dims[0]].dtype != torch.bool:
        places = indices[dims[0]].numpy()[:, None]
        size = call["_inputs"][0][dims[0]]
        return _taken(field, dims[0], size, places % size)
    return _unknown([field], call)


def _index_select(field: Field, call: Call) -> Field:
    chosen = call["index"]
    dim = call["dim"] % field.ndim
    if chosen.is_meta:
        return _unknown([field], call)
    return _taken(field, dim, call["_inputs"][0][dim], chosen.reshape(-1, 1).numpy())


def _diagonal(field: Field, call: Call) -> Field:
    a, b = call.get("dim1", 0) % field.ndim, call.get("dim2", 1) % field.ndim
    old = call["_inputs"][0]

    def change(part: Part) -> Part:
        wide = [
            n if dim in (a, b) else p
            for dim, (n, p) in enumerate(zip(old, part.shape[1:], strict=True))
        ]
        return np.broadcast_to(part, (2, *wide)).diagonal(call.get("offset", 0), 1 + a, 1 + b)

    new = field.each(change)
    return Field(field.ndim - 1, new.parts, new.jump, new.sizes, new.exact)


def _glu(field: Field, call: Call) -> Field:
    dim = call.get("dim", -1) % field.ndim
    size = call["_inputs"][0][dim]
    half = np.arange(size // 2)[:, None]
    return _taken(field, dim, size, np.concatenate([half, half + size // 2], axis=1))


def _squeezed(part: Part, call: Call, ndim: int) -> Part:
    return part.reshape(2, *_without_ones(part.shape[1:], call["_inputs"][0], call.get("dim")))


def _without_ones(part: Sequence[int], shape: Sequence[int], dim: Any) -> list[int]:
    chosen = range(len(shape)) if dim is None else [dim] if isinstance(dim, int) else dim
    gone = {d % len(shape) for d in chosen if shape[d] == 1}
    return [p for d, p in enumerate(part) if d not in gone]


def _unsqueezed(part: Part, call: Call, ndim: int) -> Part:
    return np.expand_dims(part, 1 + call["dim"] % (ndim + 1))


def _embedded(part: Part, call: Call, ndim: int) -> Part:
    return part[..., None]


RULES: dict[str, Rule] = {
    "convolution": _convolution,
    "deform_conv2d": _deform_conv,
    **dict.fromkeys(("avg_pool1d", "avg_pool2d", "avg_pool3d", "max_pool1d"), _pool),
    **dict.fromkeys(("max_pool2d_with_indices", "max_pool3d_with_indices"), _pool),
    **dict.fromkeys((f"_adaptive_avg_pool{n}d" for n in (2, 3)), _adaptive),
    **dict.fromkeys((f"adaptive_max_pool{n}d" for n in (1, 2, 3)), _adaptive),
    **dict.fromkeys((f"upsample_nearest{n}d" for n in (1, 2, 3)), _resized),
    **dict.fromkeys((f"_upsample_nearest_exact{n}d" for n in (1, 2, 3)), _resized),
    **dict.fromkeys(("upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d"), _resized),
    **dict.fromkeys(("upsample_bicubic2d", "_upsample_bilinear2d_aa"), _resized),
    "_upsample_bicubic2d_aa": _resized,
    "constant_pad_nd": _padded,
    **dict.fromkeys(
        (f"{k}_pad{n}d" for k in ("reflection", "replication") for n in (1, 2, 3)), _padded
    ),
    **dict.fromkeys(("mm", "bmm", "addmm", "baddbmm", "mv", "addmv"), _matrix_product),
    **dict.fromkeys(("native_layer_norm", "rms_norm", "_fused_rms_norm"), _last_axes_mixed),
    "native_group_norm": _group_norm,
    **dict.fromkeys(("native_batch_norm", "_native_batch_norm_legit"), _batch_norm),
    "_native_batch_norm_legit_no_training": _batch_norm,
    **dict.fromkeys(("cumsum", "cumprod", "cummax", "cummin", "logcumsumexp"), _accumulated),
    **dict.fromkeys(("view", "_unsafe_view", "reshape", "_reshape_alias"), _moved(_viewed)),
    **dict.fromkeys(("unflatten", "flatten"), _moved(_viewed)),
    "slice": _slice,
    "select": _moved(_select),
    **dict.fromkeys(("split", "unsafe_split", "split_with_sizes"), _split),
    "unbind": _unbind,
    "expand": _moved(_expanded),
    "repeat": _moved(_repeated),
    "permute": _moved(_permuted),
    **dict.fromkeys(("transpose", "t"), _moved(_transposed)),
    "flip": _moved(_flipped),
    "roll": _moved(_rolled),
    "squeeze": _moved(_squeezed),
    "unsqueeze": _moved(_unsqueezed),
    "pixel_shuffle": _pixel_shuffle,
    "pixel_unshuffle": _pixel_unshuffle,
    "channel_shuffle": _moved(_channel_shuffle),
    "unfold": _unfolded,
    "im2col": _im2col,
    "cat": _joined,
    "stack": lambda field, call: _joined(field, call, stack=True),
    "index": _indexed,
    "index_select": _index_select,
    "diagonal": _diagonal,
    "glu": _glu,
    "embedding": _moved(_embedded),
}
