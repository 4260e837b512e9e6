"""Checkers for chapter 03: a stage of blocks, and the whole of ResNet-34."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import nn

from resnet_course.blocks import BasicBlock, Bottleneck
from resnet_course.checks import answers
from resnet_course.checks.compare import Subject
from resnet_course.checks.exercise import exercise
from resnet_course.checks.faults import check, explained, fault
from resnet_course.checks.guard import AnswerError
from resnet_course.checks.modules import build, check_module
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
        with torch.device("meta"):
            right = answers.make_stage(*arguments)
        try:
            stage = explained("error_in_make_stage", answer, *arguments)
            check("stage", stage=stage)
            check_module(stage)
            _check_blocks(stage, right, *arguments)
            subject = Subject(stage, torch.randn(3, in_channels, 9, 8))
        except AnswerError as wrong:
            raise AnswerError(head + str(wrong)) from wrong
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


def _check_blocks(
    stage: nn.Sequential,
    right: nn.Sequential,
    block: type[nn.Module],
    in_channels: int,
    channels: int,
    depth: int,
    stride: int,
) -> None:
    """Check number, class, channels and stride of the blocks."""
    parts = list(_flat(stage))
    blocks = [part for part in parts if type(part) is block]
    others = [part for part in parts if part not in blocks and any(map(id, part.parameters()))]
    check("blocks", blocks=blocks, others=others, block=block, depth=depth)
    names = {"block": block, "in_channels": in_channels, "channels": channels, "stride": stride}
    names["made"] = [_arguments_of(each) for each in blocks]
    for i, (each, have) in enumerate(zip(right, names["made"], strict=True)):
        for name, want in reversed(_arguments_of(each).items()):
            if have[name] != want:
                raise AnswerError(
                    f"Block {i + 1} of {depth}: expected {name}={want}, got {have[name]}. "
                    + fault("block_of_stage", i=i, name=name, has=have[name], **names)
                )


def _arguments_of(block: nn.Module) -> dict[str, int]:
    """Read from a block of the package with which in_channels, channels and stride it was made."""
    convs = [m for name, m in block.named_children() if name.startswith("conv")]
    return {
        "in_channels": convs[0].in_channels,
        "channels": convs[-1].out_channels // block.expansion,
        "stride": max(conv.stride[0] for conv in convs),
    }


def _flat(stage: nn.Module) -> Iterator[nn.Module]:
    """Yield what stands in a row, also inside a further nn.Sequential; the same object twice."""
    for part in stage._modules.values():
        if isinstance(part, nn.Sequential):
            yield from _flat(part)
        elif part is not None:
            yield part


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
