"""Checkers about shapes and counts: sizes, projections, layers, parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from resnet_course.checks import answers
from resnet_course.checks.exercise import exercise
from resnet_course.checks.guard import call
from resnet_course.checks.questions import ask, known, numbers, simply
from resnet_course.checks.values import NOT_RETURNED, described, plain, refuse, whole

SIZE = known("conv_output_size", "n, k, s, p", ceil=math.ceil)
LAYERS = known("count_layers", "depths, convs", prod=math.prod)
PARAMS = known("conv_params", "c, d, k, g=1")
# (in_channels, out_channels, stride) → why the answer is what it is
PROJECTIONS = {
    (64, 64, 1): "Both shapes are equal: x can be added as it is.",
    (64, 128, 2): "Channels and map both change.",
    (64, 64, 2): "The channels agree, but the map gets smaller: 56×56 and 28×28 do not fit.",
    (64, 128, 1): "The map stays, but 64 and 128 channels do not fit.",
    (256, 64, 1): "The channels get fewer, and 256 and 64 do not fit.",
    (1, 16, 1): "PyTorch would repeat the single channel without an error, but it is wrong.",
    (32, 32, 3): "Every stride but 1 makes the map smaller.",
    (512, 512, 1): "Both shapes are equal, however many channels there are.",
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
    otherwise = "Print the shape of the weight of a small nn.Conv2d and multiply its numbers."
    ask(answer, cases, _weights, PARAMS, numbers(_convolution, otherwise, ","), simply(whole))
    return "Right for every window and any number of groups."


def _weights(c: int, d: int, k: int, g: int = 1) -> int:
    return nn.Conv2d(c, d, k, groups=g, bias=False, device="meta").weight.numel()


def _convolution(c: int, d: int, k: int, g: int = 1) -> str:
    groups = f", {g} groups" if g > 1 else ""
    return f"{c} → {d} channels, window {k}×{k}{groups}"
