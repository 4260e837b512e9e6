"""The arithmetic of one layer, written out with its numbers: what a person would do on paper."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from resnet_course.tracing.rows import LayerRow

AXES = ("depth", "height", "width")


@dataclass(frozen=True)
class Sum:
    """One calculation.

    Attributes:
        what: what is computed, in a few words.
        formula: the numbers and the result, "⌊(56 + 2·1 − 3) / 2⌋ + 1 = 28".
        remark: what the formula hides, or "".
    """

    what: str
    formula: str
    remark: str = ""


def sums(row: LayerRow) -> list[Sum]:
    """Return the calculations of a layer: size of the map, weights, multiply-adds.

    A layer without any (batch norm, ReLU, an addition) has an empty list.
    """
    found = []
    if _has_windows(row):
        # One line if height and width are computed with the same numbers, else one for each.
        alike: dict[tuple[int, ...], list[int]] = {}
        for axis in range(-len(row.kernel), 0):
            alike.setdefault(_geometry(row, axis), []).append(axis)
        found += [size_sum(row, axes) for axes in alike.values()]
    if _is_convolution(row) or row.kind in ("Linear", "linear"):
        found += _weight_sums(row)
    return found


def dropped_pixels(row: LayerRow, axis: int = -1) -> tuple[int, int]:
    """Return how many rows at the end no window reaches: (of the padded map, of the map itself).

    With 56 rows, padding 1, kernel 3 and stride 2 the last row of the padding is left over, and no
    row of the map: (1, 0).
    """
    if not _has_windows(row) or _has_uneven_windows(row, axis):
        return 0, 0
    size, kernel, stride, padding = _geometry(row, axis)
    windows = row.out_shape[axis]
    left = size + 2 * padding - ((windows - 1) * stride + kernel)
    return max(left, 0), min(max(left - padding, 0), size)


def _has_uneven_windows(row: LayerRow, axis: int) -> bool:
    """Adaptive pooling makes its windows overlap where the sizes do not divide: it reads all."""
    adaptive = row.kind.lower().startswith("adaptive")
    return adaptive and row.in_shape[axis] % row.out_shape[axis] > 0


def size_sum(row: LayerRow, axes: Sequence[int]) -> Sum:
    """Return the size of the output, computed from the input's, along axes that have the same."""
    axis, names = axes[0], AXES if len(row.kernel) > 1 else ("length",)
    *first, last = (names[each] for each in axes)
    what = f"{', '.join(first)} and {last}" if first else last
    size, kernel, stride, padding = _geometry(row, axis)
    out = row.out_shape[axis]
    # ceil_mode and transposed convolutions follow another formula, uneven windows none.
    if _has_uneven_windows(row, axis) or out != (size + 2 * padding - kernel) // stride + 1:
        return Sum(what, f"{size} → {out}")
    inside = f"{size} + 2·{padding} − {kernel}" if padding else f"{size} − {kernel}"
    formula = f"⌊({inside}) / {stride}⌋ + 1 = {out}"
    remarks = [_spans(row, axis), _never_read(row, axis)]
    return Sum(what, formula, "; ".join(filter(None, remarks)))


def _spans(row: LayerRow, axis: int) -> str:
    """Say why the window is longer than the values that it reads, or ""."""
    assert row.kernel
    taps, span = row.taps[axis], row.kernel[axis]
    if taps == span or not row.dilation:
        return ""
    return f"{taps} values with dilation {row.dilation[axis]} span {span} pixels"


def _never_read(row: LayerRow, axis: int) -> str:
    """Say which part of the input no window reads, or ""."""
    assert row.kernel and row.stride
    geometry, axes = _geometry(row, axis), range(-len(row.kernel), 0)
    if geometry[2] > geometry[1]:
        # Along every other axis the windows read all pixels.
        gaps = [i for i in axes if row.stride[i] > row.kernel[i]]
        read, pixels = (math.prod(of[i] for i in gaps) for of in (row.taps, row.stride))
        return f"the windows read {read} of {pixels} pixels; the others are left out"
    left, pixels = dropped_pixels(row, axis)
    if not left:
        return ""
    same = [i for i in axes if _geometry(row, i) == geometry]  # they share this line
    known = {-1: "column", -2: "row"} if len(axes) > 1 else {-1: "pixel"}
    names = [known.get(i, "slice") for i in same]
    one, many = " and ".join(names), " and ".join(f"{name}s" for name in names)
    where = {0: ": padding", left: " of the map"}.get(pixels, f": padding and {pixels} of the map")
    return f"no window reaches the last {one if left == 1 else f'{left} {many}'}{where}"


def _weight_sums(row: LayerRow) -> list[Sum]:
    if _is_convolution(row):
        inputs, outputs = row.in_shape[0], row.out_shape[0]
        # A transposed convolution writes a window for every pixel that it reads.
        pixels = (row.in_shape if "transpose" in row.kind.lower() else row.out_shape)[1:]
    elif not row.out_shape:
        return []
    else:  # linear: channels come last
        *pixels, outputs = row.out_shape
        inputs = row.in_shape[-1]
    groups = row.groups or 1
    seen = inputs // groups
    factors = (*row.taps, seen, outputs)
    weights = math.prod(factors)
    if row.macs and weights * math.prod(pixels) != row.macs:  # a layer with other products too
        return []
    extra = row.params - weights
    remarks = [f"{inputs}/{groups} = {seen} channels per group"] if groups > 1 else []
    remarks += [f"and {extra:,} biases"] if extra > 0 else []
    times = "·".join([f"{weights:,}", *map(str, pixels)])
    return [
        Sum("weights", f"{'·'.join(map(str, factors))} = {weights:,}", "; ".join(remarks)),
        Sum("multiply-adds", f"{times} = {row.macs:,}" if pixels else times),
    ]


def memory(row: LayerRow) -> int:
    """Return the bytes that the output of one picture takes as 32-bit numbers."""
    return 4 * math.prod(row.out_shape)


def in_bytes(count: int) -> str:
    """Write a number of bytes as people do: 392 KiB."""
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024 or unit == "MiB":
            break
        count /= 1024
    return f"{count:.0f} {unit}" if count >= 10 or unit == "bytes" else f"{count:.1f} {unit}"


def _has_windows(row: LayerRow) -> bool:
    return row.kernel is not None and row.stride is not None and len(row.in_shape) > 1


def _is_convolution(row: LayerRow) -> bool:
    return row.kind.startswith(("Conv", "conv")) and row.kernel is not None  # layer or function


def _geometry(row: LayerRow, axis: int) -> tuple[int, int, int, int]:
    """Return size, kernel, stride and padding along one axis, counted from the end."""
    assert row.kernel and row.stride and row.padding
    return row.in_shape[axis], row.kernel[axis], row.stride[axis], row.padding[axis]
