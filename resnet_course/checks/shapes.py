"""Checkers about shapes and counts: sizes, projections, layers, parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn

from resnet_course.checks import answers, shape_mistakes
from resnet_course.checks.exercise import exercise
from resnet_course.checks.guard import AnswerError, call
from resnet_course.checks.values import ask_counts, yes_or_no


@exercise(
    chapter=2,
    title="The size of the output of a convolution",
    difficulty=1,
    minutes=5,
    important=True,
    hints=(
        "How many pixels wide is the map after the padding? It has a left side and a right side.",
        "The first window starts at 0. The last one must end inside. How far can a window move?",
        "Divide that distance by the stride, round down, and count the first window too.",
    ),
    answers=(answers.conv_output_size,),
)
def conv_output_size(answer: Callable[[int, int, int, int], int]) -> str:
    """Check `f(size, kernel, stride, padding) -> int`."""
    ask_counts(
        answer,
        [
            (56, 3, 1, 1), (56, 3, 2, 1), (55, 3, 2, 1), (224, 7, 2, 3), (28, 1, 2, 0),
            (7, 7, 1, 0), (9, 2, 3, 0), (10, 5, 4, 2), (3, 3, 2, 0),
        ],
        right=_by_torch,
        where=lambda n, k, s, p: f"size {n}, kernel {k}, stride {s}, padding {p}, as in nn.Conv2d",
        mistakes=shape_mistakes.SIZE,
        otherwise="Draw a row of pixels and move the window along it.",
    )  # fmt: skip
    return "Your formula agrees with nn.Conv2d in every case, also where pixels are left over."


def _by_torch(size: int, kernel: int, stride: int, padding: int) -> int:
    with torch.device("meta"):
        conv = nn.Conv2d(1, 1, kernel, stride, padding)
        return conv(torch.empty(1, 1, size, size)).shape[-1]


@exercise(
    chapter=2,
    title="When is a projection needed?",
    difficulty=1,
    minutes=5,
    important=True,
    hints=(
        "Two tensors can be added if all their axes agree. Which axes does a block change?",
        "The number of channels and the size of the map: each is enough to stop the addition.",
        "x fits as it is only with equal channels *and* stride 1. What is the opposite of that?",
    ),
    answers=(answers.needs_projection,),
)
def needs_projection(answer: Callable[[int, int, int], bool]) -> str:
    """Check `f(in_channels, out_channels, stride) -> bool`."""
    for in_channels, out_channels, stride, why in (
        (64, 64, 1, "Both shapes are equal: x can be added as it is."),
        (64, 128, 2, "Channels and map both change."),
        (64, 64, 2, "The channels agree, but the map gets smaller: 56×56 and 28×28 do not fit."),
        (64, 128, 1, "The map stays, but 64 and 128 channels do not fit."),
        (256, 64, 1, "The channels get fewer, and 256 and 64 do not fit."),
        (1, 16, 1, "PyTorch would repeat the single channel without an error, but it is wrong."),
        (32, 32, 3, "Every stride but 1 makes the map smaller."),
        (512, 512, 1, "Both shapes are equal, however many channels there are."),
    ):
        where = f"{in_channels} → {out_channels} channels, stride {stride}"
        expected = (in_channels, 1) != (out_channels, stride)
        if yes_or_no(call(answer, in_channels, out_channels, stride), where) != expected:
            raise AnswerError(f"{where}: expected {expected}, got {not expected}. {why}")
    return "You look at both: the channels and the stride."


@exercise(
    chapter=3,
    title="Name a ResNet",
    difficulty=1,
    minutes=5,
    important=False,
    hints=(
        "Walk from the picture to the logits and count the layers with a matrix of weights.",
        "Every block has the same number of convolutions. How many blocks are there in all?",
        "Two layers stand outside the stages. Shortcuts, pooling and batch norm do not count.",
    ),
    answers=(answers.count_layers,),
)
def count_layers(answer: Callable[[Sequence[int], int], int]) -> str:
    """Check `f(depths, convs_per_block) -> int`."""
    ask_counts(
        answer,
        [
            ((2, 2, 2, 2), 2), ([3, 4, 6, 3], 2), ((3, 4, 6, 3), 3), ([3, 4, 23, 3], 3),
            ((1, 1, 1), 2), ([5], 4), ((2, 1), 1),
        ],
        right=lambda depths, convs: 1 + convs * sum(depths) + 1,
        where=lambda depths, convs: f"depths {depths}, {convs} convolution(s) per block",
        mistakes=shape_mistakes.LAYERS,
        otherwise="Write down the layers of the smallest network one by one.",
    )  # fmt: skip
    return "You count what the paper counts: ResNet-18, 34, 50 and 101 have their names from it."


@exercise(
    chapter=4,
    title="Count the weights of a convolution",
    difficulty=1,
    minutes=5,
    important=True,
    hints=(
        "Begin without groups: how many numbers does one filter have, and how many filters?",
        "With groups there are as many filters as before. How many input channels does each see?",
        "Window × window × the input channels of one group × the output channels.",
    ),
    answers=(answers.conv_params,),
)
def conv_params(answer: Callable[..., int]) -> str:
    """Check `f(in_channels, out_channels, kernel, groups=1) -> int`, without bias."""
    ask_counts(
        answer,
        [
            (64, 128, 3), (3, 64, 7, 1), (256, 64, 1), (64, 64, 3, 4), (128, 256, 3, 32),
            (12, 8, 5, 2), (64, 64, 3, 64),
        ],
        right=lambda c, d, k, g=1: d * (c // g) * k * k,
        where=shape_mistakes.convolution,
        mistakes=shape_mistakes.PARAMS,
        otherwise="Print the shape of the weight of a small nn.Conv2d and multiply its numbers.",
    )  # fmt: skip
    return "Right for every window and any number of groups."
