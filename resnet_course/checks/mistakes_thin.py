"""The mistakes that only bottlenecks and ResNeXt blocks can have: widths, groups, expansion."""

from __future__ import annotations

from resnet_course.checks.mistakes import Mistakes
from resnet_course.checks.variants import basic, bottleneck, change, narrow


def in_bottlenecks(in_channels: int, channels: int, stride: int) -> Mistakes:
    """Yield mistakes with the widths of a bottleneck."""
    yield (
        f"The block gives {channels} channels. Its last 1×1 makes it four times as thick again: "
        f"4 · {channels} = {4 * channels}. Is the expansion forgotten?",
        narrow(in_channels, channels, channels, stride),
    )
    yield (
        f"channels={channels} is read as the number of output channels. It is the thin width in "
        f"the middle; the output has 4 · {channels} = {4 * channels}.",
        narrow(in_channels, channels // 4, channels, stride),
    )
    yield (
        f"The middle has {4 * channels} channels: it should be thin, {channels} channels, and only "
        "the last 1×1 makes it thick.",
        narrow(in_channels, 4 * channels, 4 * channels, stride),
    )
    for out in (4 * channels, channels):
        yield (
            "That is a basic block with two 3×3 convolutions. A bottleneck has three: 1×1, 3×3, "
            "1×1.",
            basic(in_channels, out, stride),
        )


def in_resnext(
    in_channels: int, channels: int, stride: int, groups: int, base_width: int
) -> Mistakes:
    """Yield mistakes with the groups and the width of a ResNeXt block."""
    right = bottleneck(in_channels, channels, stride, groups, base_width)
    per_group = int(channels * base_width / 64)
    width, out = per_group * groups, 4 * channels
    yield (
        f"groups={groups} is read as the number of channels in each group. The 3×3 has {width} "
        f"channels in {groups} groups of {per_group}, not in {per_group} groups of {groups}.",
        change(right, 1, groups=per_group),
    )
    yield (
        f"The 3×3 is not divided into groups: expected {groups} groups of {per_group} channels.",
        change(right, 1, groups=1),
    )
    everywhere = change(change(change(right, 0, groups=groups), 1, groups=groups), 2, groups=groups)
    yield (
        "All three convolutions are divided into groups. Only the 3×3 should be: the "
        "1×1 convolutions must let all channels meet.",
        everywhere,
    )
    should = (
        f"The 3×3 should have int({channels} · {base_width} / 64) · {groups} = {width} channels, "
        "yours has {}. {}"
    )
    for wrong, why in (
        (int(channels * base_width / 64 * groups), "Round down for one group first."),
        (channels, "That is the width of a plain bottleneck."),
        (groups * base_width, "Does it grow with channels?"),
        (per_group, "That is the width of a single group."),
        (int(channels * groups / 64) * base_width, "Are groups and base_width exchanged?"),
    ):
        if wrong != width:
            for parts in dict.fromkeys((groups, 1)):
                plan = narrow(in_channels, wrong, out, stride, parts)
                yield should.format(wrong, why), plan
    yield (
        "The block has the groups and the width of 32×4d. Does it use its arguments groups and "
        "base_width?",
        bottleneck(in_channels, channels, stride, 32, 4),
    )
    yield (
        f"The block gives {channels} channels: is the expansion by 4 forgotten?",
        narrow(in_channels, width, channels, stride, groups),
    )
