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
from resnet_course.checks.references import (
    BASIC,
    BASIC_NAMES,
    IN_BASIC_BLOCKS,
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


@exercise(BasicBlock)
def basic_block(answer: Callable[..., nn.Module]) -> str:
    """Check a class `(in_channels, channels, stride=1)`."""
    for arguments in ((16, 16), (16, 32, 2), (16, 16, 2), (16, 24, 1), (24, 8, 1)):
        check_block(answer, arguments, BASIC_BLOCK)
    check_block(answer, (8, 12, 2), BASIC_BLOCK, size=(9, 7))
    return (
        "Your block is the course's BasicBlock: equal outputs, gradients and stored means, "
        "with and without a projection."
    )


@exercise(answers.zero_init)
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


@exercise(Bottleneck)
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


@exercise(answers.ResNeXtBlock, Bottleneck)
def resnext_block(answer: Callable[..., nn.Module]) -> str:
    """Check a class `(in_channels, channels, stride=1, groups=32, base_width=4)`."""
    for arguments in ((32, 64, 1, 8, 4), (64, 32, 2, 4, 16), (128, 32, 1, 8, 6), (48, 24, 1, 2, 4)):
        check_block(answer, arguments, RESNEXT_BLOCK, size=(7, 6))
    check_block(answer, (64, 64), DEFAULT_BLOCK, size=(6, 5))
    return "Your block is that of ResNeXt, for any number of groups; with its defaults it is 32×4d."
