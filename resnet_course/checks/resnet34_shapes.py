"""The checker about the shapes of ResNet-34, for any size of picture."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from resnet_course.checks import answers
from resnet_course.checks.exercise import exercise
from resnet_course.checks.guard import AnswerError, call
from resnet_course.checks.values import NOT_RETURNED, described, plain, recognise
from resnet_course.tracing.rows import Shape, by

PARTS = ("the stem", "stage 1", "stage 2", "stage 3", "stage 4")
CHANNELS = (64, 64, 128, 256, 512)
SIZES = (224, 225, 97, 28)
WANTED = "Expected a list of five shapes such as (64, 56, 56)"


def right(size: int) -> list[Shape]:
    """Ask torch: send a picture without numbers through one layer per step down."""
    with torch.device("meta"):
        x = torch.empty(1, 3, size, size)
        steps = (
            nn.Sequential(nn.Conv2d(3, 64, 7, stride=2, padding=3), nn.MaxPool2d(3, 2, 1)),
            nn.Conv2d(64, 64, 3, stride=1, padding=1),
            nn.Conv2d(64, 128, 3, stride=2, padding=1),
            nn.Conv2d(128, 256, 3, stride=2, padding=1),
            nn.Conv2d(256, 512, 3, stride=2, padding=1),
        )
        shapes = []
        for step in steps:
            x = step(x)
            shapes.append(tuple(x.shape[1:]))
    return shapes


def by_halves(
    halvings: Sequence[int], half: Callable[[int], int], channels: Sequence[int] = CHANNELS
) -> Callable[[int], list[Shape]]:
    """Return a function from size to shapes that halves so many times before each of them."""

    def shapes(size: int) -> list[Shape]:
        found = []
        for times, count in zip(halvings, channels, strict=True):
            for _ in range(times):
                size = half(size)
            found.append((count, size, size))
        return found

    return shapes


def up(size: int) -> int:
    """Return half of the size, rounded up."""
    return (size + 1) // 2


def down(size: int) -> int:
    """Return half of the size, rounded down."""
    return size // 2


STEM = "The stem halves twice. Which layer stands between the first convolution and stage 1?"
ODD = "Half of an odd size is rounded the wrong way. Put 225 into the formula, with its padding."
FIRST = "Stage 1 does not halve: the stem has done it already."
LAST = "Only stages 2, 3 and 4 begin with a step down. Do all three?"
UNKNOWN = "Follow one side of the picture through the formula, step by step."
CHANNELS_OFF = "The sizes are right. How many channels come out of the stem, and out of each stage?"
MISTAKES: dict[str, Callable[[int], list[Shape]]] = {
    ODD: by_halves((2, 0, 1, 1, 1), down),
    STEM: by_halves((1, 0, 1, 1, 1), up),
    f"{STEM} And odd sizes are rounded the wrong way.": by_halves((1, 0, 1, 1, 1), down),
    FIRST: by_halves((2, 1, 1, 1, 1), up),
    f"{FIRST} And odd sizes are rounded the wrong way.": by_halves((2, 1, 1, 1, 1), down),
    "The stem halves twice. Stage 1 does not halve.": by_halves((1, 1, 1, 1, 1), up),
    "The stem halves twice, stage 1 does not halve, and odd sizes are rounded the wrong way.": (
        by_halves((1, 1, 1, 1, 1), down)
    ),
    "The stem halves: which stride has its first convolution?": by_halves((0, 0, 1, 1, 1), up),
    LAST: by_halves((2, 0, 1, 1, 0), up),
    "The size never changes after the stem. Where is the stride of stages 2, 3 and 4?": (
        by_halves((2, 0, 0, 0, 0), up)
    ),
    "Those are the channels of ResNet-50, whose blocks give four times as many.": (
        by_halves((2, 0, 1, 1, 1), up, (64, 256, 512, 1024, 2048))
    ),
}


@exercise(
    chapter=3,
    title="The shapes of ResNet-34",
    difficulty=2,
    minutes=10,
    important=True,
    hints=(
        "Only five steps change the size: two in the stem, and one at the start of three stages.",
        "Each of the five halves the size. What becomes of the half pixel of an odd size? Work out "
        "225 by the formula, with kernel 7 and padding 3.",
        "Take the two steps of the stem first. Then go through the stages with 64, 128, 256 and "
        "512 channels; the first of them keeps the size.",
    ),
    answers=(answers.stage_shapes, answers.conv_output_size),
)
def stage_shapes(answer: Callable[[int], Sequence[Sequence[int]]]) -> str:
    """Check `f(size) -> [(channels, height, width), ...]` after the stem and the four stages."""
    given = [_shapes(call(answer, size)) for size in SIZES]
    for size, got in zip(SIZES, given, strict=True):
        expected = right(size)
        if got != expected:
            raise AnswerError(f"Picture of {size}×{size}: {_where(expected, got)}. {_cause(given)}")
    return "All five shapes are right, for odd sizes too."


def _where(expected: list[Shape], got: list[Shape]) -> str:
    if len(got) != len(expected):
        return f"expected five shapes, got {len(got)}"
    rows = zip(PARTS, expected, got, strict=True)
    part, one, other = next(row for row in rows if row[1] != row[2])
    return f"expected {by(one)} after {part}, got {by(other)}"


def _cause(given: list[list[Shape]]) -> str:
    if {len(got) for got in given} != {len(PARTS)}:
        return "One for the stem, after its pooling, and one for each stage; none for the head."
    rights = [right(size) for size in SIZES]
    if [[(c, h, w) for h, w, c in got] for got in given] == rights:
        return "Channels come first: (channels, height, width)."
    known = {words: [f(size) for size in SIZES] for words, f in MISTAKES.items()}
    same_maps = _maps(given) == _maps(rights)
    return recognise(given, known, operator.eq, CHANNELS_OFF if same_maps else UNKNOWN)


def _maps(pictures: list[list[Shape]]) -> list[list[Shape]]:
    return [[shape[1:] for shape in shapes] for shapes in pictures]


def _shapes(got: Any) -> list[Shape]:
    """Return the learner's shapes as tuples; rows of an array will do."""
    got = _listed(got)
    if got is None:
        raise AnswerError(f"{WANTED}, got None. {NOT_RETURNED}")
    if not isinstance(got, (list, tuple)):
        raise AnswerError(f"{WANTED}, got {described(got)}.")
    return [_shape(shape) for shape in got]


def _listed(got: Any) -> Any:
    """Return an array or a tensor as a list, and everything else as it is."""
    is_array = hasattr(got, "tolist") and not getattr(got, "is_meta", False)
    return got.tolist() if is_array else got


def _shape(got: Any) -> Shape:
    got = _listed(got)
    if not isinstance(got, (list, tuple)):
        raise AnswerError(f"{WANTED}, but in it there is {described(got)}.")
    numbers = tuple(map(plain, got))
    if any(isinstance(number, bool) or not isinstance(number, int) for number in numbers):
        why = "Sizes are whole numbers of type int: int(...) makes one of a float."
    elif len(numbers) != 3:
        why = "A shape here is (channels, height, width): three numbers, without the batch."
    else:
        return numbers
    raise AnswerError(f"{WANTED}, but in it there is {described(got)}. {why}")
