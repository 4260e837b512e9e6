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
from resnet_course.checks.faults import check, fault, located
from resnet_course.checks.guard import call
from resnet_course.checks.questions import Case, ask, known, numbers, simply
from resnet_course.checks.values import plain, whole
from resnet_course.tracing.rows import Shape, by

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


@exercise(answers.conv_output_size)
def conv_output_size(answer: Callable[[int, int, int, int], int]) -> None:
    """Check `f(size, kernel, stride, padding) -> int`."""
    cases = [
        (56, 3, 1, 1), (56, 3, 2, 1), (55, 3, 2, 1), (224, 7, 2, 3), (28, 1, 2, 0),
        (7, 7, 1, 0), (9, 2, 3, 0), (10, 5, 4, 2), (3, 3, 2, 0),
    ]  # fmt: skip
    where = "size {}, kernel {}, stride {}, padding {}, as in nn.Conv2d".format
    tell = numbers(where, "unknown_conv_output_size", ",")
    ask(answer, cases, _by_torch, SIZE, tell, simply(whole))


def _by_torch(size: int, kernel: int, stride: int, padding: int) -> int:
    with torch.device("meta"):
        conv = nn.Conv2d(1, 1, kernel, stride, padding)
        return conv(torch.empty(1, 1, size, size)).shape[-1]


@exercise(answers.needs_projection)
def needs_projection(answer: Callable[[int, int, int], bool]) -> None:
    """Check `f(in_channels, out_channels, stride) -> bool`."""
    cases = [
        (64, 64, 1), (64, 128, 2), (64, 64, 2), (64, 128, 1), (256, 64, 1), (1, 16, 1),
        (32, 32, 3), (512, 512, 1),
    ]  # fmt: skip
    where = "{} → {} channels, stride {}".format

    def run(answer: Callable[..., bool], *case: int) -> bool:
        got = call(answer, *case)
        with located(where(*case)):
            check("truth", got=got, value=plain(got))
        return bool(got)

    tell = numbers(where, "unknown_needs_projection", "")
    ask(answer, cases, answers.needs_projection, [], tell, run)


@exercise(answers.count_layers)
def count_layers(answer: Callable[[Sequence[int], int], int]) -> None:
    """Check `f(depths, convs_per_block) -> int`."""
    cases = [
        ((2, 2, 2, 2), 2), ([3, 4, 6, 3], 2), ((3, 4, 6, 3), 3), ([3, 4, 23, 3], 3),
        ((1, 1, 1), 2), ([5], 4), ((2, 1), 1),
    ]  # fmt: skip
    where = "depths {}, {} convolution(s) per block".format
    tell = numbers(where, "unknown_count_layers", ",")
    ask(answer, cases, answers.count_layers, LAYERS, tell, simply(whole))


@exercise(answers.conv_params)
def conv_params(answer: Callable[..., int]) -> None:
    """Check `f(in_channels, out_channels, kernel, groups=1) -> int`, without bias."""
    cases = [
        (64, 128, 3), (3, 64, 7, 1), (256, 64, 1), (64, 64, 3, 4), (128, 256, 3, 32),
        (12, 8, 5, 2), (64, 64, 3, 64),
    ]  # fmt: skip

    def where(c: int, d: int, k: int, g: int = 1) -> str:
        return f"{c} → {d} channels, window {k}×{k}{f', {g} groups' * (g > 1)}"

    tell = numbers(where, "unknown_conv_params", ",")
    ask(answer, cases, _weights, PARAMS, tell, simply(whole))


def _weights(c: int, d: int, k: int, g: int = 1) -> int:
    return nn.Conv2d(c, d, k, groups=g, bias=False, device="meta").weight.numel()


@exercise(answers.stage_shapes, answers.conv_output_size)
def stage_shapes(answer: Callable[[int], Sequence[Sequence[int]]]) -> None:
    """Check `f(size) -> [(channels, height, width), ...]` after the stem and the four stages."""
    sizes = [(224,), (225,), (97,), (44,)]
    ask(answer, sizes, answers.stage_shapes, SHAPES, _tell, simply(_shapes))


def _tell(case: Case, expected: list[Shape], got: list[Shape]) -> tuple[str, str]:
    picture = "Picture of {0}×{0}: expected".format(*case)
    where = f"{picture} five shapes, got {len(got)}."
    if len(got) == len(expected):
        rows = zip(PARTS, expected, got, strict=True)
        part, one, other = next(row for row in rows if row[1] != row[2])
        where = f"{picture} {by(one)} after {part}, got {by(other)}."
    return where, fault("unknown_stage_shapes", right=expected, got=got)


def _shapes(got: Any) -> list[Shape]:
    """Return the learner's shapes as tuples; rows of an array will do."""
    shapes = _tuples(got)
    check("shapes", got=got, shapes=shapes)
    return list(shapes)


def _tuples(got: Any) -> Any:
    if hasattr(got, "tolist") and not getattr(got, "is_meta", False):
        got = got.tolist()
    return tuple(map(_tuples, got)) if isinstance(got, (list, tuple)) else got
