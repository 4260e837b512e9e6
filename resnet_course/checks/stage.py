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
        asked = {1: " Does depth count the first block too?", -1: " How often does the loop run?"}
        why = asked.get(len(blocks) - depth, "")
        raise AnswerError(f"Expected {depth} blocks, got {len(blocks)}.{why}")
    thick = channels * block.expansion
    wanted = [(in_channels, channels, stride)] + [(thick, channels, 1)] * (depth - 1)
    made = [arguments_of(each) for each in blocks]
    for number, (want, have) in enumerate(zip(wanted, made, strict=True), start=1):
        if want == have:
            continue
        which = next(i for i in (2, 1, 0) if want[i] != have[i])
        name = ("in_channels", "channels", "stride")[which]
        if name == "stride" and number > 1 and made[0][2] == stride:
            why = "Only the first block has the stride: each further one would halve the map again."
        elif name == "stride" and stride > 1 and any(each[2] == stride for each in made):
            why = "The stride belongs to the first block, not to a later one."
        elif name == "stride":
            why = "Is the argument stride used?"
        elif name == "channels" and have[1] == thick:
            why = "The expansion is made inside the block: hand it channels as they are."
        elif name == "channels":
            why = "All blocks of a stage have the same channels."
        elif number == 1:
            why = "The first block takes what comes into the stage."
        elif have[0] == channels:
            why = (
                f"{block.__name__} gives {channels} · {block.expansion} channels: its class says "
                "so in block.expansion."
            )
        elif have[0] == in_channels:
            why = "It takes what the block before it gives, not what comes into the stage."
        else:
            why = f"The block before it gives channels · block.expansion, here {thick}."
        raise AnswerError(
            f"Block {number} of {depth}: expected {name}={want[which]}, got {have[which]}. {why}"
        )


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
