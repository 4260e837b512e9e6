"""Which input pixels can each value of a tensor see? One rule for each of PyTorch's operations.

A `Field` holds, for every axis of the picture, the first and the last pixel that each value
depends on. The numbers are exact: a convolution takes the smallest first and the largest last pixel
of its window, a slice takes what is sliced, a softmax lets all values of an axis see the same. What
lies in the padding counts as if the picture went on there, as in the usual formula (Araujo et al.
2019, "Computing Receptive Fields of Convolutional Neural Networks").

A value rarely differs along all axes of its tensor: in a map (batch, channels, height, width), the
rows that a value sees depend on its height alone. So the arrays have size 1 along all axes that
make no difference, and cost next to nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce

import numpy as np

Axis = tuple[int, int]  # which input, which of its axes
NOTHING = 1 << 40  # first pixel of a value that sees none

# An array (2, …): the first pixel, and minus the last, so that the smaller sees more in both. After
# that an axis for each axis of the tensor: as long as that, or 1.
Part = np.ndarray


@dataclass(frozen=True)
class Field:
    """What the values of one tensor see.

    Attributes:
        ndim: axes of the tensor.
        parts: for each axis of the input some arrays; a value sees what any of them says.
        jump: input pixels between neighbours, to go on with in the padding.
        sizes: length of each axis of the input, in pixels.
        exact: False if an operation on the way could not be followed: the true field is as large
            as this one, or larger.
    """

    ndim: int
    parts: dict[Axis, tuple[Part, ...]]
    jump: dict[Axis, float]
    sizes: dict[Axis, int] = field(repr=False, default_factory=dict)
    exact: bool = True

    def each(self, change: Callable[[Part], Part]) -> Field:
        """Change all arrays."""
        parts = {axis: tuple(map(change, own)) for axis, own in self.parts.items()}
        ndim = next((part.ndim - 1 for own in parts.values() for part in own), self.ndim)
        return Field(ndim, parts, self.jump, self.sizes, self.exact)

    def spread(self, ratio: float, axes: Sequence[Axis]) -> Field:
        """Say that neighbours along some axes are now `ratio` times as far apart."""
        jump = {a: j * ratio if a in axes else j for a, j in self.jump.items()}
        return Field(self.ndim, self.parts, jump, self.sizes, self.exact)

    def guessed(self) -> Field:
        """The same, said to be a lower bound."""
        return Field(self.ndim, self.parts, self.jump, self.sizes, False)

    def along(self, dim: int) -> list[Axis]:
        """The axes of the input that lie along this axis of the tensor.

        Where nothing differs, in a map of a single pixel, an axis is taken to lie where it lay in
        the input: those of the picture last.
        """
        usual = dim - self.ndim + max((axis for _, axis in self.parts), default=0) + 1
        found = []
        for name, own in self.parts.items():
            varies = [any(part.shape[d] > 1 for part in own) for d in range(1, own[0].ndim)]
            if varies[dim] or (name[1] == usual and not any(varies)):
                found.append(name)
        return found

    @cached_property
    def middle(self) -> dict[Axis, tuple[int, int]]:
        """First and last pixel that the value in the middle sees, for each axis of the input.

        Of a map that is the value of all channels, of a vector all its values; of tokens (batch,
        token, channel) the one that sees most.
        """
        seen = {}
        is_map = self.ndim < 3 or any(
            max(part.shape[3:]) > 1 for own in self.parts.values() for part in own
        )
        for axis, own in self.parts.items():
            chosen = []
            for part in own:
                for dim in range(1, part.ndim):
                    if dim != 2:
                        at = part.shape[dim] // 2
                        part = part.take([at], axis=dim)
                chosen.append(part.reshape(2, -1))
            both = reduce(np.minimum, chosen)
            best = both.min(axis=1) if is_map else both[:, both.sum(axis=0).argmin()]
            seen[axis] = int(best[0]), int(-best[1])
        return seen

    @property
    def pixels(self) -> int:
        """The longer side of what the value in the middle sees; 0 if it sees nothing."""
        return max((max(last - first + 1, 0) for first, last in self.middle.values()), default=0)

    @property
    def whole(self) -> bool:
        """Does the value in the middle see all of an input?"""
        covered = {
            axis: a <= 0 and b >= self.sizes[axis] - 1 for axis, (a, b) in self.middle.items()
        }
        inputs = {which for which, _ in covered}
        return any(all(c for a, c in covered.items() if a[0] == which) for which in inputs)


def of_input(which: int, shape: Sequence[int], dims: Sequence[int]) -> Field:
    """An input: along the given axes, every value sees itself."""
    parts, sizes = {}, {}
    for axis, dim in enumerate(dims):
        here = [1] * len(shape)
        here[dim] = shape[dim]
        pixel = np.arange(shape[dim]).reshape(here)
        parts[which, axis] = (np.stack([pixel, -pixel]),)
        sizes[which, axis] = shape[dim]
    return Field(len(shape), parts, dict.fromkeys(parts, 1.0), sizes)


def union(fields: Sequence[Field], ndim: int) -> Field:
    """Values that are computed from those in the same place of several tensors (with broadcasting)."""
    first = fields[0]
    if all(each is first for each in fields[1:]) and first.ndim == ndim:
        return first
    parts: dict[Axis, tuple[Part, ...]] = {}
    jump: dict[Axis, float] = {}
    sizes: dict[Axis, int] = {}
    for each in fields:
        sizes |= each.sizes
        for axis, own in each.parts.items():
            parts[axis] = (*parts.get(axis, ()), *(_lengthen(part, ndim) for part in own))
            jump[axis] = min(jump.get(axis, math.inf), each.jump[axis])
    parts = {axis: _merged(own) for axis, own in parts.items()}
    return Field(ndim, parts, jump, sizes, all(each.exact for each in fields))


def _lengthen(part: Part, ndim: int) -> Part:
    """Add axes in front, as broadcasting does."""
    return part.reshape(2, *(1,) * (ndim + 1 - part.ndim), *part.shape[1:])


def _merged(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Join arrays as far as that makes none of them larger."""
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


def mix(part: Part, dims: Sequence[int], groups: int = 1) -> Part:
    """All values along some axes now see what any of them saw; in groups along the only axis."""
    if groups > 1:
        (dim,) = dims
        if part.shape[1 + dim] == 1:
            return part
        split = (*part.shape[: 1 + dim], groups, -1, *part.shape[2 + dim :])
        return part.reshape(split).min(axis=2 + dim)
    axes = tuple(1 + dim for dim in dims if part.shape[1 + dim] > 1)
    return part.min(axis=axes, keepdims=True) if axes else part


def take(
    part: Part,
    dim: int,
    size: int,
    places: np.ndarray,
    jump: float = 0.0,
    used: np.ndarray | None = None,
) -> Part:
    """Let each value see what those in its window saw.

    Args:
        part: the array.
        dim, size: an axis of the tensor and its length.
        places: (results, taps): the places in each window; places outside go on with `jump`.
        jump: input pixels between neighbours.
        used: (results, taps): False where a tap does not count.
    """
    if part.shape[1 + dim] < size:
        return part  # it makes no difference where along this axis
    inside = places.clip(0, size - 1)
    found = np.moveaxis(part, 1 + dim, -1)[..., inside]
    if inside is not places and (beyond := places - inside).any():
        shift = np.floor(beyond * jump).astype(found.dtype)
        found = found + np.stack([shift, -shift]).reshape(2, *(1,) * (found.ndim - 3), *shift.shape)
    if used is not None:
        found = np.where(used, found, NOTHING)
    return np.moveaxis(found.min(axis=-1), -1, 1 + dim)


def reshape(part: Part, old: Sequence[int], new: Sequence[int]) -> Part:
    """Read the same values with other axes."""
    wide, shape = [], []
    for mine, theirs in _matching(old, new):
        varies = any(part.shape[1 + dim] > 1 for dim in mine)
        wide += [old[dim] if varies else 1 for dim in mine]
        shape += [new[dim] if varies else 1 for dim in theirs]
    return np.broadcast_to(part, (2, *wide)).reshape(2, *shape)


def _matching(old: Sequence[int], new: Sequence[int]) -> list[tuple[list[int], list[int]]]:
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
