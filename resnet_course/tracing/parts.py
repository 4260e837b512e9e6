"""Arrays of first and last pixels, and what the values of a tensor do with them.

Such an array, a `Part`, has the shape (2, …): the first pixel, and minus the last, so that in both
the smaller number sees more. After that comes an axis for each axis of the tensor: as long as that,
or 1 where it makes no difference. In a map (batch, channels, height, width), the rows that a value
sees depend on its height alone, so their array has the shape (2, 1, 1, height, 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

Part = np.ndarray
NOTHING = 1 << 30  # first pixel of a value that sees none


def mix(part: Part, dims: Sequence[int]) -> Part:
    """All values along some axes of the tensor now see what any of them saw."""
    axes = tuple(1 + dim for dim in dims if part.shape[1 + dim] > 1)
    return part.min(axis=axes, keepdims=True) if axes else part


def mix_groups(part: Part, dim: int, groups: int, size: int) -> Part:
    """Mix neighbours along an axis in some groups, and make an axis of the given size of them."""
    if groups == 1 or part.shape[1 + dim] == 1:
        return mix(part, [dim])
    split = (*part.shape[: 1 + dim], groups, -1, *part.shape[2 + dim :])
    return part.reshape(split).min(axis=2 + dim).repeat(size // groups, axis=1 + dim)


def take(
    part: Part,
    dim: int,
    size: int,
    places: np.ndarray,
    jump: float = 0.0,
    used: np.ndarray | None = None,
) -> Part:
    """Let each value see what those in its window saw, along an axis of the tensor of that size.

    `places` (results, taps) are those in each window; outside of the tensor they go on with `jump`
    input pixels between neighbours. `used` (results, taps) is False where a tap does not count.
    """
    if part.shape[1 + dim] == 1 and (size > 1 or not jump):  # no difference along this axis
        if used is None or (somewhere := used.any(axis=1)).all():
            return part
        along = [-1 if axis == dim else 1 for axis in range(part.ndim - 1)]
        return np.where(somewhere.reshape(along), part, NOTHING)
    inside = places.clip(0, size - 1)
    found = part.take(inside, axis=1 + dim)
    after = (1,) * (part.ndim - 2 - dim)
    if jump and (beyond := places - inside).any():
        shift = np.floor(beyond * jump).astype(part.dtype)
        found = found + np.stack([shift, -shift]).reshape(2, *(1,) * dim, *places.shape, *after)
    if used is not None:
        found = np.where(used.reshape(*used.shape, *after), found, NOTHING)
    return found.min(axis=2 + dim)


def reshape(part: Part, old: Sequence[int], new: Sequence[int]) -> Part:
    """Read the same values with other axes."""
    if part.size == 2:
        return part.reshape(2, *(1,) * len(new))
    wide, shape, split = [], [], []
    for mine, theirs in _matching(tuple(old), tuple(new)):
        varies = any(part.shape[1 + dim] > 1 for dim in mine)
        wide += [old[dim] if varies else 1 for dim in mine]
        shape += [new[dim] if varies else 1 for dim in theirs]
        split += theirs if varies and len(theirs) > 1 else []
    part = np.broadcast_to(part, (2, *wide)).reshape(2, *shape)
    return compact(part, split)  # rows and columns that were one axis are two again


def compact(part: Part, dims: Sequence[int]) -> Part:
    """Give the length 1 to those axes of the tensor along which nothing differs."""
    for dim in dims:
        first = part.take([0], axis=1 + dim)
        part = first if (part == first).all() else part
    return part


@cache
def _matching(old: tuple[int, ...], new: tuple[int, ...]) -> list[tuple[list[int], list[int]]]:
    """Find neighbouring axes of the old shape that became neighbouring axes of the new one."""
    groups, i, j = [], 0, 0
    while i < len(old) or j < len(new):
        mine, theirs, a, b = [], [], 1, 1
        while not (mine or theirs) or a != b:
            if i < len(old) and (a <= b or j == len(new)):
                mine, a, i = [*mine, i], a * old[i], i + 1
            else:
                theirs, b, j = [*theirs, j], b * new[j], j + 1
        groups.append((mine, theirs))
    return groups


def lengthen(part: Part, ndim: int) -> Part:
    """Add axes in front, as broadcasting does, until the tensor has `ndim`."""
    return part.reshape(2, *(1,) * (ndim + 1 - part.ndim), *part.shape[1:])


def join(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Let each value see what any array says; arrays are joined if that makes none larger."""
    done: list[Part] = []
    for part in sorted(parts, key=lambda each: -each.size):
        for i, other in enumerate(done):
            if other is part:
                break
            if np.broadcast_shapes(other.shape, part.shape) == other.shape:
                done[i] = np.minimum(other, part)
                break
        else:
            done.append(part)
    return tuple(done)
