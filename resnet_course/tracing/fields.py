"""Which input pixels can each value of a tensor see?

A `Field` holds, for every axis of the picture, the first and the last pixel that each value
depends on. The numbers are exact: a convolution takes the smallest first and the largest last pixel
of its window, a slice takes what is sliced, a softmax lets all values of an axis see the same. What
lies in the padding counts as if the picture went on there, as in the usual formula (Araujo et al.
2019, "Computing Receptive Fields of Convolutional Neural Networks").
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce

import numpy as np

from resnet_course.tracing.parts import Part, join, lengthen, take

Axis = tuple[int, int]  # which input, which of its axes


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
        return replace(self, ndim=ndim, parts=parts)

    def taken(
        self, dim: int, size: int, places: np.ndarray, used: np.ndarray | None = None
    ) -> Field:
        """Let each value see what those in its window saw: `parts.take` for all arrays."""
        along = self.along(dim)
        parts = {
            axis: tuple(
                take(part, dim, size, places, self.jump[axis] if axis in along else 0, used)
                for part in own
            )
            for axis, own in self.parts.items()
        }
        return replace(self, parts=parts)

    def spread(self, ratio: float, axes: Sequence[Axis]) -> Field:
        """Say that neighbours along some axes are now `ratio` times as far apart."""
        jump = {a: j * ratio if a in axes else j for a, j in self.jump.items()}
        return replace(self, jump=jump)

    def fits(self, shape: Sequence[int]) -> bool:
        """Could it be the field of a tensor of this shape?"""
        parts = [part for own in self.parts.values() for part in own]
        return self.ndim == len(shape) and all(
            mine in (1, size)
            for part in parts
            for mine, size in zip(part.shape[1:], shape, strict=True)
        )

    def guessed(self) -> Field:
        """The same, said to be a lower bound."""
        return replace(self, exact=False)

    @cached_property
    def varies(self) -> dict[Axis, list[bool]]:
        """For each axis of the input: do values differ along the first axis of the tensor, …?"""
        return {
            axis: [max(sizes) > 1 for sizes in zip(*(part.shape[1:] for part in own), strict=True)]
            for axis, own in self.parts.items()
        }

    def along(self, dim: int) -> list[Axis]:
        """The axes of the input that lie along this axis of the tensor.

        Where nothing differs, in a map of a single pixel, an axis is taken to lie where it lay in
        the input: those of the picture last.
        """
        usual = dim - self.ndim + max((axis for _, axis in self.parts), default=0) + 1
        return [
            axis
            for axis, varies in self.varies.items()
            if varies[dim] or (axis[1] == usual and not any(varies))
        ]

    @cached_property
    def channels(self) -> int | None:
        """Axis of the channels in a map of one picture, 0 or 2; None if it cannot be told.

        Rows and columns lie along the tensor's axes 2 and 3, or 1 and 2 (axis 0 is the batch). What
        a value sees may differ from channel to channel too, where branches were concatenated.
        """
        sides = [self.varies.get((0, axis), ()) for axis in (0, 1)]
        lie = [[dim for dim, differs in enumerate(along) if differs] for along in sides]
        found = [
            axis
            for axis, first in ((0, 2), (2, 1))
            if all(
                not along or first + side in along and set(along) <= {first + side, axis + 1}
                for side, along in enumerate(lie)
            )
        ]
        return found[0] if self.ndim == 4 and len(found) == 1 else None

    @cached_property
    def middle(self) -> dict[Axis, tuple[int, int]]:
        """First and last pixel that the value in the middle sees, for each axis of the input.

        Of a map that is the value of all channels, of a vector all its values; of tokens (batch,
        token, channel) the one that sees most.
        """
        seen = {}
        all_of = 4 if self.channels == 2 else 2
        is_map = self.ndim < 3 or any(
            max(part.shape[3:]) > 1 for own in self.parts.values() for part in own
        )
        for axis, own in self.parts.items():
            chosen = []
            for part in own:
                for dim in range(1, part.ndim):
                    if dim != all_of:
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
        pixel = np.arange(shape[dim], dtype=np.int32).reshape(here)
        parts[which, axis] = (np.stack([pixel, -pixel]),)
        sizes[which, axis] = shape[dim]
    return Field(len(shape), parts, dict.fromkeys(parts, 1.0), sizes)


def union(fields: Sequence[Field], ndim: int) -> Field:
    """Values that are computed of those in the same place of several tensors, by broadcasting."""
    first = fields[0]
    if all(each is first for each in fields[1:]) and first.ndim == ndim:
        return first
    parts: dict[Axis, tuple[Part, ...]] = {}
    jump: dict[Axis, float] = {}
    sizes: dict[Axis, int] = {}
    for each in fields:
        sizes |= each.sizes
        for axis, own in each.parts.items():
            parts[axis] = (*parts.get(axis, ()), *(lengthen(part, ndim) for part in own))
            jump[axis] = min(jump.get(axis, math.inf), each.jump[axis])
    parts = {axis: join(own) for axis, own in parts.items()}
    return Field(ndim, parts, jump, sizes, all(each.exact for each in fields))


def lower_bound(fields: Sequence[Field], ndim: int) -> Field:
    """All values of a tensor see at least what those in the middle of some others saw."""
    middles = [
        replace(
            each,
            parts={
                axis: (np.array([first, -last], dtype=np.int32).reshape(2, *(1,) * ndim),)
                for axis, (first, last) in each.middle.items()
            },
        )
        for each in fields
    ]
    return union(middles, ndim).guessed()
