"""Checkers for chapter 03: a stage of blocks, and the whole of ResNet-34."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import nn

from resnet_course.blocks import BasicBlock, Bottleneck
from resnet_course.checks import answers
from resnet_course.checks.compare import Subject, build, count
from resnet_course.checks.diagnosis import check_network
from resnet_course.checks.exercise import exercise
from resnet_course.checks.faults import check, explained, located
from resnet_course.checks.guard import call

PARAMETERS = 21_797_672  # of ResNet-34 for 1000 classes


class BlockOfExpansion2(Bottleneck):
    """A block with an expansion that nobody has met yet."""

    expansion = 2


@exercise(answers.make_stage)
def make_stage(answer: Callable[..., nn.Sequential]) -> None:
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
        with torch.device("meta"):
            right = answers.make_stage(*arguments)
        head = f"{block.__name__}, {in_channels}, {channels}, depth {depth}, stride {stride}"
        with located(head):
            with explained("error_in_make_stage"):
                stage = call(answer, *arguments)
            check("stage", stage=stage)
            check("module", module=stage)
            _check_blocks(stage, right, *arguments)
            subject = Subject(stage, torch.randn(3, in_channels, 9, 8))
            check("stage_differs", differ=subject.difference(right))


def _check_blocks(
    stage: nn.Sequential, right: nn.Sequential, block: type[nn.Module], *sizes: int
) -> None:
    """Check number, class, channels and stride of the blocks."""
    names = dict(zip(("in_channels", "channels", "depth", "stride"), sizes, strict=True))
    parts = list(_flat(stage))
    blocks = [part for part in parts if type(part) is block]
    check("blocks", parts=parts, blocks=blocks, block=block, depth=len(right))
    made = [_arguments_of(each) for each in blocks]
    for i, (want, have) in enumerate(zip(map(_arguments_of, right), made, strict=True)):
        for name in ("stride", "channels", "in_channels"):
            names |= {"want": want[name], "have": have[name]}
            check("block_of_stage", i=i, name=name, block=block, made=made, **names)


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
def resnet34(answer: Callable[[int], nn.Module]) -> None:
    """Check `f(num_classes) -> nn.Module` for pictures of 3×224×224."""
    check_network(lambda: build(answer, 7), 7)
    full = build(answer, 1000)
    if not any(map(nn.parameter.is_lazy, full.parameters())):
        check("thousand_classes", have=count(full), want=PARAMETERS)
