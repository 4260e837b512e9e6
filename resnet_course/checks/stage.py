"""Look into a stage that a learner has built from the package's blocks."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from resnet_course.checks.guard import AnswerError


def check_blocks(
    stage: nn.Sequential,
    block: type[nn.Module],
    in_channels: int,
    channels: int,
    depth: int,
    stride: int,
) -> None:
    """Check number, class, channels and stride of the blocks.

    Raises:
        AnswerError: one of them is not as it should be.
    """
    parts = list(flat(stage))
    blocks = [part for part in parts if type(part) is block]
    others = [
        part for part in parts if type(part) is not block and any(True for _ in part.parameters())
    ]
    if others:
        raise AnswerError(
            f"Expected blocks of the class {block.__name__} and nothing else, got a "
            f"{type(others[0]).__name__}. Is every block made by calling the argument block?"
        )
    if len(set(map(id, blocks))) < len(blocks):
        raise AnswerError(
            "The same block object stands in several places, so the places share one set of "
            "weights. Make a new block for each place: call block(…) every time."
        )
    if len(blocks) != depth:
        why = ""
        if len(blocks) == depth + 1:
            why = " Does depth count the first block too?"
        elif len(blocks) == depth - 1:
            why = " How often does the loop run?"
        raise AnswerError(f"Expected {depth} blocks, got {len(blocks)}.{why}")
    thick = channels * block.expansion
    wanted = [(in_channels, channels, stride)] + [(thick, channels, 1)] * (depth - 1)
    made = [arguments_of(each) for each in blocks]
    for number, (want, have) in enumerate(zip(wanted, made, strict=True), start=1):
        if want != have:
            names = ("in_channels", "channels", "stride")
            which = next(i for i in (2, 1, 0) if want[i] != have[i])
            raise AnswerError(
                f"Block {number} of {depth}: expected {names[which]}={want[which]}, got "
                f"{have[which]}. {_why(names[which], number, have, made, wanted, block)}".rstrip()
            )


def _why(
    name: str,
    number: int,
    have: tuple[int, int, int],
    made: list[tuple[int, int, int]],
    wanted: list[tuple[int, int, int]],
    block: type[nn.Module],
) -> str:
    in_channels, channels, stride = wanted[0]
    if name == "stride":
        strides = [each[2] for each in made]
        if number > 1 and strides[0] == stride:
            return (
                "Only the first block has the stride: each further one would halve the map again."
            )
        if stride > 1 and stride in strides:
            return "The stride belongs to the first block, not to a later one."
        return "Is the argument stride used?"
    if name == "in_channels":
        if number == 1:
            return "The first block takes what comes into the stage."
        if have[0] == channels:
            return (
                f"{block.__name__} gives {channels} · {block.expansion} channels: its class says "
                "so in block.expansion."
            )
        if have[0] == in_channels:
            return "It takes what the block before it gives, not what comes into the stage."
        return f"The block before it gives channels · block.expansion, here {wanted[1][0]}."
    if have[1] == channels * block.expansion:
        return "The expansion is made inside the block: hand it channels as they are."
    return "All blocks of a stage have the same channels."


def arguments_of(block: nn.Module) -> tuple[int, int, int]:
    """Read from a block of the package with which in_channels, channels and stride it was made."""
    convs = [m for name, m in block.named_children() if name.startswith("conv")]
    last = convs[-1].out_channels
    return convs[0].in_channels, last // block.expansion, max(conv.stride[0] for conv in convs)


def flat(stage: nn.Module) -> Iterator[nn.Module]:
    """Yield what stands in a row, also inside a further nn.Sequential; the same object twice."""
    for part in stage._modules.values():
        if isinstance(part, nn.Sequential):
            yield from flat(part)
        elif part is not None:
            yield part
