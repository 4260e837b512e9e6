"""Checkers for the blocks of chapters 02 and 04: basic, bottleneck, ResNeXt, and their start."""

from __future__ import annotations

import copy
from collections.abc import Callable

from torch import nn

from resnet_course.blocks import BasicBlock, Bottleneck
from resnet_course.checks import answers
from resnet_course.checks.diagnosis import Right, check_block
from resnet_course.checks.exercise import exercise
from resnet_course.checks.guard import AnswerError, call
from resnet_course.checks.mistakes import BASIC, BASIC_NAMES, IN_BASIC_BLOCKS
from resnet_course.checks.mistakes_thin import (
    IN_BOTTLENECKS,
    IN_RESNEXT,
    THIN,
    THIN_NAMES,
    WRONG_DEFAULTS,
)
from resnet_course.checks.silence import check_alive, check_same_parts, check_start
from resnet_course.checks.variants import edited

BASIC_BLOCK = Right(BASIC, BASIC_NAMES, IN_BASIC_BLOCKS)
BOTTLENECK = Right(THIN, THIN_NAMES, IN_BOTTLENECKS)
RESNEXT_BLOCK = Right(THIN, THIN_NAMES, IN_RESNEXT)
# With its defaults the block is that of ResNeXt-50 32×4d.
DEFAULTS = "groups=1, base_width=64 → groups=32, base_width=4"
DEFAULT_BLOCK = Right(edited(THIN, [DEFAULTS]), THIN_NAMES, WRONG_DEFAULTS)


@exercise(
    chapter=2,
    title="A basic block",
    difficulty=2,
    minutes=15,
    important=True,
    hints=(
        "Draw it: conv, batch norm, ReLU, conv, batch norm, addition, ReLU. What goes around it?",
        "Every layer with numbers of its own is made once, in __init__. The two convolutions have "
        "different input channels, and only one of them has the stride.",
        "The shortcut is the input itself if the stride is 1 and the channels stay. In any other "
        "case it is a 1×1 convolution with the stride, and a batch norm of its own. No "
        "convolution needs a bias here.",
    ),
    answers=(BasicBlock,),
)
def basic_block(answer: Callable[..., nn.Module]) -> str:
    """Check a class `(in_channels, channels, stride=1)`."""
    for arguments in ((16, 16), (16, 32, 2), (16, 16, 2), (16, 24, 1), (24, 8, 1)):
        check_block(answer, arguments, BASIC_BLOCK)
    check_block(answer, (8, 12, 2), BASIC_BLOCK, size=(9, 7))
    return (
        "Your block is the course's BasicBlock: equal outputs, gradients and stored means, "
        "with and without a projection."
    )


@exercise(
    chapter=2,
    title="A block that starts silent",
    difficulty=1,
    minutes=10,
    important=False,
    hints=(
        "The branch is silent if the last thing that happens in it multiplies everything by 0.",
        "A fresh batch norm multiplies by its weight, which is 1, and adds its bias, which is 0. "
        "Which batch norm is the last one of the branch?",
        "Set the numbers of bn2.weight to 0, in place and without recording gradients, for "
        "example with a function of nn.init. The layer stays, so that it can learn.",
    ),
    answers=(answers.zero_init,),
)
def zero_init(answer: Callable[[BasicBlock], object]) -> str:
    """Check `f(block)`, which makes a fresh `BasicBlock` start as ReLU(x), in place."""
    for sizes in ((8, 8), (16, 16), (8, 16, 2)):
        block = BasicBlock(*sizes)
        before = copy.deepcopy(block)
        head = f"BasicBlock{sizes}: "
        try:
            result = _without_gradients(answer, block)
            check_same_parts(block, before, result)
            check_start(block, before)
            check_alive(block)
        except AnswerError as wrong:
            raise AnswerError(head + str(wrong)) from wrong
    return (
        "The block starts as ReLU(x), with a projection as ReLU(projection(x)), and its branch is "
        "silent, not dead: after one step every layer learns."
    )


def _without_gradients(answer: Callable[[BasicBlock], object], block: BasicBlock) -> object:
    try:
        return call(answer, block)
    except AnswerError as wrong:
        if "a leaf Variable that requires grad" in str(wrong):
            raise AnswerError(
                f"{wrong} To set a parameter is no step of the computation: the functions of "
                "nn.init know that, other code says it with torch.no_grad()."
            ) from wrong
        if "parameter 'weight'" in str(wrong):
            raise AnswerError(
                f"{wrong} A parameter is a tensor that learns: a number cannot take its place. "
                "Keep the parameter and fill it with 0, in place, with a function of nn.init."
            ) from wrong
        raise


@exercise(
    chapter=4,
    title="A bottleneck",
    difficulty=2,
    minutes=15,
    important=True,
    hints=(
        "Three convolutions: one makes the volume thin, one looks around, one makes it thick.",
        "How many channels come out: channels or 4 · channels? And which of the three convolutions "
        "sees neighbouring pixels, so that it can skip some without losing any?",
        "in_channels → channels → channels → 4 · channels, the stride in the 3×3. The shortcut "
        "needs a projection whenever in_channels is not 4 · channels, or the stride is not 1.",
    ),
    answers=(Bottleneck,),
)
def bottleneck(answer: Callable[..., nn.Module]) -> str:
    """Check a class `(in_channels, channels, stride=1)`, expansion 4."""
    for arguments in ((32, 8), (32, 16, 2), (8, 8, 1), (16, 4, 2)):
        check_block(answer, arguments, BOTTLENECK, size=(9, 8))
    stage = (
        "With its class attribute expansion = 4 a stage can be built from it."
        if getattr(answer, "expansion", None) == 4
        else "Give the class an attribute expansion = 4, so that a stage can be built from it."
    )
    return f"Your block is the course's Bottleneck, with the stride in the 3×3. {stage}"


@exercise(
    chapter=4,
    title="A ResNeXt block",
    difficulty=2,
    minutes=10,
    important=False,
    hints=(
        "It is a bottleneck. Only the width of its middle and one convolution are different.",
        "groups is a number of groups, base_width a number of channels in each of them. How many "
        "channels do all groups have together, and what happens when channels doubles?",
        "One group has int(channels · base_width / 64) channels; the width is groups times that. "
        "Only the 3×3 is divided. The output still has 4 · channels.",
    ),
    answers=(answers.ResNeXtBlock, Bottleneck),
)
def resnext_block(answer: Callable[..., nn.Module]) -> str:
    """Check a class `(in_channels, channels, stride=1, groups=32, base_width=4)`."""
    for arguments in ((32, 64, 1, 8, 4), (64, 32, 2, 4, 16), (128, 32, 1, 8, 6), (48, 24, 1, 2, 4)):
        check_block(answer, arguments, RESNEXT_BLOCK, size=(7, 6))
    check_block(answer, (64, 64), DEFAULT_BLOCK, size=(6, 5))
    return "Your block is that of ResNeXt, for any number of groups; with its defaults it is 32×4d."
