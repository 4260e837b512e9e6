"""Checkers for chapter 03: a stage of blocks, and the whole of ResNet-34."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from resnet_course.blocks import BasicBlock, Bottleneck
from resnet_course.checks import answers
from resnet_course.checks.compare import Subject
from resnet_course.checks.exercise import exercise
from resnet_course.checks.guard import AnswerError, call
from resnet_course.checks.modules import build, check_module
from resnet_course.checks.stage import check_blocks
from resnet_course.checks.whole import PARAMETERS, WithoutStartingNumbers, check_network


class BlockOfExpansion2(Bottleneck):
    """A block with an expansion that nobody has met yet."""

    expansion = 2


@exercise(answers.make_stage)
def make_stage(answer: Callable[..., nn.Sequential]) -> str:
    """Check `f(block, in_channels, channels, depth, stride) -> nn.Sequential`."""
    for block, in_channels, channels, depth, stride in (
        (BasicBlock, 8, 16, 3, 2),
        (BasicBlock, 8, 8, 2, 1),
        (BasicBlock, 16, 8, 1, 2),
        (Bottleneck, 8, 8, 4, 1),
        (Bottleneck, 16, 8, 2, 2),
        (BlockOfExpansion2, 8, 8, 3, 2),
    ):
        arguments = (block, in_channels, channels, depth, stride)
        head = f"{block.__name__}, {in_channels}, {channels}, depth {depth}, stride {stride}: "
        try:
            stage = _make(answer, *arguments)
            check_blocks(stage, *arguments)
            subject = Subject(stage, torch.randn(3, in_channels, 9, 8))
        except AnswerError as wrong:
            raise AnswerError(head + str(wrong)) from wrong
        with torch.device("meta"):
            right = answers.make_stage(*arguments)
        differ = subject.difference(right)
        if differ != "":
            raise AnswerError(
                f"{head}the blocks are right, but together they compute something else"
                f"{' ' + differ if differ else ''}. Does each block take what the one before it "
                "gives, and is there nothing else between or behind them?"
            )
    return (
        "Your function builds any stage of any ResNet: the first block changes the shape, the "
        "others keep it, and the expansion is the block's own."
    )


def _make(answer: Callable[..., nn.Sequential], *arguments: object) -> nn.Sequential:
    try:
        stage = call(answer, *arguments)
    except AnswerError as wrong:
        if "is not a Module subclass" in str(wrong):
            raise AnswerError(
                f"{wrong} nn.Sequential takes the blocks one by one, not in a list."
            ) from wrong
        raise
    if isinstance(stage, (list, tuple, nn.ModuleList)):
        raise AnswerError(
            f"Expected nn.Sequential, got {type(stage).__name__}: nothing there says that one "
            "block comes after the other, so it cannot be called."
        )
    check_module(stage)
    if not isinstance(stage, nn.Sequential):
        raise AnswerError(
            f"Expected nn.Sequential, got {type(stage).__name__}. A stage is nothing but blocks in "
            "a row."
        )
    return stage


@exercise(answers.resnet34, answers.make_stage)
def resnet34(answer: Callable[[int], nn.Module]) -> str:
    """Check `f(num_classes) -> nn.Module` for pictures of 3×224×224."""
    with WithoutStartingNumbers():
        model = build(answer, 7)
    check_network(model, 7)
    with WithoutStartingNumbers():
        full = build(answer, 1000)
    count = sum(p.numel() for p in full.parameters() if not nn.parameter.is_lazy(p))
    if not any(map(nn.parameter.is_lazy, full.parameters())) and count != PARAMETERS:
        raise AnswerError(
            f"num_classes=1000: expected {PARAMETERS:,} parameters, got {count:,}, though with 7 "
            "classes all was right. Is the last layer the only one that depends on num_classes?"
        )
    return (
        f"Your network is ResNet-34: the same logits as the course's with the same weights, in "
        f"both modes, and {PARAMETERS:,} parameters for 1000 classes."
    )
