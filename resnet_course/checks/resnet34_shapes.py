"""The checker about the shapes of ResNet-34, for any size of picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from resnet_course.checks import answers
from resnet_course.checks.exercise import exercise
from resnet_course.checks.questions import Case, ask, known, simply
from resnet_course.checks.values import NOT_RETURNED, described, refuse
from resnet_course.tracing.rows import Shape, by

PARTS = ("the stem", "stage 1", "stage 2", "stage 3", "stage 4")
CHANNELS = (64, 64, 128, 256, 512)
WANTED = "Expected a list of five shapes such as (64, 56, 56)"


def right(size: int) -> list[Shape]:
    """Ask torch: send a picture without numbers through one layer per step down."""
    with torch.device("meta"):
        x = nn.MaxPool2d(3, 2, 1)(nn.Conv2d(3, 64, 7, 2, 3)(torch.empty(3, size, size)))
        shapes = [tuple(x.shape)]
        for channels, stride in zip(CHANNELS[1:], (1, 2, 2, 2), strict=True):
            x = nn.Conv2d(len(x), channels, 3, stride, padding=1)(x)
            shapes.append(tuple(x.shape))
    return shapes


def _halved(
    size: int, halvings: Sequence[int], up: int = 1, channels: Sequence[int] = CHANNELS
) -> list[Shape]:
    """Halve so many times before each part, rounding up (1) or down (0)."""
    shapes = []
    for times, count in zip(halvings, channels, strict=True):
        for _ in range(times):
            size = (size + up) // 2
        shapes.append((count, size, size))
    return shapes


MISTAKES = known("stage_shapes", "size", halved=_halved, right=right)


@exercise(answers.stage_shapes, answers.conv_output_size)
def stage_shapes(answer: Callable[[int], Sequence[Sequence[int]]]) -> str:
    """Check `f(size) -> [(channels, height, width), ...]` after the stem and the four stages."""
    ask(answer, [(224,), (225,), (97,), (44,)], right, MISTAKES, _tell, simply(_shapes))
    return "All five shapes are right, for odd sizes too."


def _tell(case: Case, expected: list[Shape], got: list[Shape]) -> tuple[str, str]:
    picture = "Picture of {0}×{0}: expected".format(*case)
    if len(got) != len(expected):
        why = "One for the stem, after its pooling, and one for each stage; none for the head."
        return f"{picture} five shapes, got {len(got)}.", why
    rows = zip(PARTS, expected, got, strict=True)
    part, one, other = next(row for row in rows if row[1] != row[2])
    why = "Follow one side of the picture through the formula, step by step."
    if [shape[1:] for shape in got] == [shape[1:] for shape in expected]:
        why = "The sizes are right. How many channels come out of the stem, and out of each stage?"
    return f"{picture} {by(one)} after {part}, got {by(other)}.", why


def _shapes(got: Any) -> list[Shape]:
    """Return the learner's shapes as tuples; rows of an array will do."""
    shapes = _tuples(got)
    came = f"None. {NOT_RETURNED}" if got is None else f"{described(got)}."
    refuse(not isinstance(shapes, tuple), f"{WANTED}, got {came}")
    for shape, own in zip(shapes, got, strict=True):
        inside = f"{WANTED}, but in it there is {described(own)}."
        refuse(not isinstance(shape, tuple), inside)
        why = "Sizes are whole numbers of type int: int(...) makes one of a float."
        refuse(any(type(size) is not int for size in shape), f"{inside} {why}")
        why = "A shape here is (channels, height, width): three numbers, without the batch."
        refuse(len(shape) != 3, f"{inside} {why}")
    return list(shapes)


def _tuples(got: Any) -> Any:
    if hasattr(got, "tolist") and not getattr(got, "is_meta", False):
        got = got.tolist()
    return tuple(map(_tuples, got)) if isinstance(got, (list, tuple)) else got
