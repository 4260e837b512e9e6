"""Checkers about shapes and counts: sizes, projections, layers, parameters, all of ResNet-34."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import nn

from resnet_course.checks import answers
from resnet_course.checks.exercise import exercise
from resnet_course.checks.guard import call
from resnet_course.checks.questions import Case, ask, known, numbers, simply
from resnet_course.checks.texts import messages, read_toml
from resnet_course.checks.values import NOT_RETURNED, described, plain, refuse, whole
from resnet_course.tracing.rows import Shape, by

SAY = messages("stage_shapes")
PARTS = ("the stem", "stage 1", "stage 2", "stage 3", "stage 4")
CHANNELS = (64, 64, 128, 256, 512)


def _halved(
    size: int, halvings: Sequence[int], up: int = 1, channels: Sequence[int] = CHANNELS
) -> list[Shape]:
    """Halve so many times before each part, rounding up (1) or down (0)."""
    sides = [(size + up * (2**times - 1)) // 2**times for times in accumulate(halvings)]
    return [(count, side, side) for count, side in zip(channels, sides, strict=True)]


SIZE = known("conv_output_size", "n, k, s, p", ceil=math.ceil)
LAYERS = known("count_layers", "depths, convs", prod=math.prod)
SHAPES = known("stage_shapes", "size", halved=_halved, right=answers.stage_shapes)
PARAMS = known("conv_params", "c, d, k, g=1")
PROJECTIONS = {
    tuple(map(int, case.split(","))): why
    for case, why in read_toml("messages")["needs_projection"].items()
}


@exercise(answers.conv_output_size)
def conv_output_size(answer: Callable[[int, int, int, int], int]) -> str:
    """Check `f(size, kernel, stride, padding) -> int`."""
    cases = [
        (56, 3, 1, 1), (56, 3, 2, 1), (55, 3, 2, 1), (224, 7, 2, 3), (28, 1, 2, 0),
        (7, 7, 1, 0), (9, 2, 3, 0), (10, 5, 4, 2), (3, 3, 2, 0),
    ]  # fmt: skip
    where = "size {}, kernel {}, stride {}, padding {}, as in nn.Conv2d".format
    tell = numbers(where, "Draw a row of pixels and move the window along it.", ",")
    ask(answer, cases, _by_torch, SIZE, tell, simply(whole))
    return "Your formula agrees with nn.Conv2d in every case, also where pixels are left over."


def _by_torch(size: int, kernel: int, stride: int, padding: int) -> int:
    with torch.device("meta"):
        conv = nn.Conv2d(1, 1, kernel, stride, padding)
        return conv(torch.empty(1, 1, size, size)).shape[-1]


@exercise(answers.needs_projection)
def needs_projection(answer: Callable[[int, int, int], bool]) -> str:
    """Check `f(in_channels, out_channels, stride) -> bool`."""
    where = "{} → {} channels, stride {}".format
    ask(
        answer,
        PROJECTIONS,
        lambda c, d, stride: (c, 1) != (d, stride),
        [],
        numbers(where, lambda case, *_: PROJECTIONS[case], ""),
        lambda answer, *case: _yes_or_no(call(answer, *case), where(*case)),
    )
    return "You look at both: the channels and the stride."


def _yes_or_no(got: Any, where: str) -> bool:
    value = plain(got)
    why = NOT_RETURNED if value is None else "A comparison gives True or False."
    wrong = not isinstance(value, int) or value not in (0, 1)  # True is 1 as well
    refuse(wrong, f"{where}: expected True or False, got {described(got)}. {why}")
    return bool(value)


@exercise(answers.count_layers)
def count_layers(answer: Callable[[Sequence[int], int], int]) -> str:
    """Check `f(depths, convs_per_block) -> int`."""
    cases = [
        ((2, 2, 2, 2), 2), ([3, 4, 6, 3], 2), ((3, 4, 6, 3), 3), ([3, 4, 23, 3], 3),
        ((1, 1, 1), 2), ([5], 4), ((2, 1), 1),
    ]  # fmt: skip
    where = "depths {}, {} convolution(s) per block".format
    tell = numbers(where, "Write down the layers of the smallest network one by one.", ",")
    ask(answer, cases, answers.count_layers, LAYERS, tell, simply(whole))
    return "You count what the paper counts: ResNet-18, 34, 50 and 101 have their names from it."


@exercise(answers.conv_params)
def conv_params(answer: Callable[..., int]) -> str:
    """Check `f(in_channels, out_channels, kernel, groups=1) -> int`, without bias."""
    cases = [
        (64, 128, 3), (3, 64, 7, 1), (256, 64, 1), (64, 64, 3, 4), (128, 256, 3, 32),
        (12, 8, 5, 2), (64, 64, 3, 64),
    ]  # fmt: skip

    def where(c: int, d: int, k: int, g: int = 1) -> str:
        return f"{c} → {d} channels, window {k}×{k}{f', {g} groups' * (g > 1)}"

    otherwise = "Print the shape of the weight of a small nn.Conv2d and multiply its numbers."
    ask(answer, cases, _weights, PARAMS, numbers(where, otherwise, ","), simply(whole))
    return "Right for every window and any number of groups."


def _weights(c: int, d: int, k: int, g: int = 1) -> int:
    return nn.Conv2d(c, d, k, groups=g, bias=False, device="meta").weight.numel()


@exercise(answers.stage_shapes, answers.conv_output_size)
def stage_shapes(answer: Callable[[int], Sequence[Sequence[int]]]) -> str:
    """Check `f(size) -> [(channels, height, width), ...]` after the stem and the four stages."""
    sizes = [(224,), (225,), (97,), (44,)]
    ask(answer, sizes, answers.stage_shapes, SHAPES, _tell, simply(_shapes))
    return "All five shapes are right, for odd sizes too."


def _tell(case: Case, expected: list[Shape], got: list[Shape]) -> tuple[str, str]:
    picture = "Picture of {0}×{0}: expected".format(*case)
    if len(got) != len(expected):
        return f"{picture} five shapes, got {len(got)}.", SAY.count
    rows = zip(PARTS, expected, got, strict=True)
    part, one, other = next(row for row in rows if row[1] != row[2])
    sizes, right_sizes = ([shape[1:] for shape in shapes] for shapes in (got, expected))
    why = SAY.channels if sizes == right_sizes else SAY.unknown
    return f"{picture} {by(one)} after {part}, got {by(other)}.", why


def _shapes(got: Any) -> list[Shape]:
    """Return the learner's shapes as tuples; rows of an array will do."""
    shapes = _tuples(got)
    came = f"None. {NOT_RETURNED}" if got is None else f"{described(got)}."
    refuse(not isinstance(shapes, tuple), f"{SAY.wanted}, got {came}")
    for shape, own in zip(shapes, got, strict=True):
        inside = f"{SAY.wanted}, but in it there is {described(own)}."
        refuse(not isinstance(shape, tuple), inside)
        refuse(any(type(size) is not int for size in shape), f"{inside} {SAY.whole}")
        refuse(len(shape) != 3, f"{inside} {SAY.three}")
    return list(shapes)


def _tuples(got: Any) -> Any:
    if hasattr(got, "tolist") and not getattr(got, "is_meta", False):
        got = got.tolist()
    return tuple(map(_tuples, got)) if isinstance(got, (list, tuple)) else got
