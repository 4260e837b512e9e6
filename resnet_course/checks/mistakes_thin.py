"""The block of ResNet-50 and ResNeXt as text, and the mistakes with its widths and groups."""

from __future__ import annotations

from resnet_course.checks.mistakes import (
    BATCH_NORMS,
    ON_THE_SHORTCUT,
    SMALL_THINGS,
    WHERE_THE_PATHS_MEET,
)
from resnet_course.checks.variants import table

THIN = """
class Block(nn.Module):
    def __init__(self, in_channels, channels, stride=1, groups=1, base_width=64):
        super().__init__()
        per_group = int(channels * base_width / 64)
        width = per_group * groups
        self.stride, out_channels = stride, 4 * channels
        self.conv1 = nn.Conv2d(in_channels, width, 1, stride=1, groups=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out_channels, 1, stride=1, groups=1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.project = self.project_bn = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.project = nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False)
            self.project_bn = nn.BatchNorm2d(out_channels)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        shortcut = self.project_bn(self.project(x))
        return F.relu(out + shortcut)
"""
THIN_NAMES = ("the first 1×1", "the 3×3", "the last 1×1")

STRIDES = table("""
The stride is in the first 1×1. That is where the paper of 2016 had it (v1); there it skips three
quarters of the pixels unseen. The course, like torchvision, puts it in the 3×3 (v1.5).
    conv2: stride=stride → stride=1
    conv1: stride=1 → stride=stride
The stride is in the last 1×1. It belongs in the 3×3, whose windows overlap: a 1×1 with a stride
skips pixels.
    conv2: stride=stride → stride=1
    conv3: stride=1 → stride=stride
Only the 3×3 has the stride; the other convolutions have stride 1.
    conv: stride=1 → stride=stride
    or
    conv1: stride=1 → stride=stride
    or
    conv3: stride=1 → stride=stride
Is the stride used in the 3×3? It is only in the projection.
    conv2: stride=stride → stride=1
The stride is ignored. It belongs in the 3×3 and in the projection.
    stride=stride → stride=1
    or
    stride=stride → stride=1
    {condition} → False
""")
IN_ANY = [*WHERE_THE_PATHS_MEET, *ON_THE_SHORTCUT, *STRIDES, *BATCH_NORMS, *SMALL_THINGS]

IN_BOTTLENECKS = [
    *table("""
The block gives {channels} channels. Its last 1×1 makes it four times as thick again: 4 ·
{channels} = {4 * channels}. Is the expansion forgotten?
    out_channels = stride, 4 * channels → out_channels = stride, channels
channels={channels} is read as the number of output channels. It is the thin width in the middle;
the output has 4 · {channels} = {4 * channels}.
    width = per_group * groups → width = channels // 4
    out_channels = stride, 4 * channels → out_channels = stride, channels
The middle has {4 * channels} channels: it should be thin, {channels} channels, and only the last
1×1 makes it thick.
    width = per_group * groups → width = 4 * channels
That is a basic block with two 3×3 convolutions. A bottleneck has three: 1×1, 3×3, 1×1.
    width = per_group * groups → width = 4 * channels
    conv1: , 1, stride=1 → , 3, padding=1, stride=stride
    conv2: stride=stride → stride=1
    conv3: nn.Conv2d → nn.Identity
    bn3: nn.BatchNorm2d → nn.Identity
    F.relu(self.bn2( → (self.bn2(
    or
    width = per_group * groups → width = 4 * channels
    conv1: , 1, stride=1 → , 3, padding=1, stride=stride
    conv2: stride=stride → stride=1
    conv3: nn.Conv2d → nn.Identity
    bn3: nn.BatchNorm2d → nn.Identity
    F.relu(self.bn2( → (self.bn2(
    4 * channels → channels
"""),
    *IN_ANY,
]

# What people take for the width of a ResNeXt block, and what to say about it.
WIDTHS = {
    "int(channels * base_width / 64 * groups)": "Round down for one group first.",
    "channels": "That is the width of a plain bottleneck.",
    "groups * base_width": "Does it grow with channels?",
    "per_group": "That is the width of a single group.",
    "int(channels * groups / 64) * base_width": "Are groups and base_width exchanged?",
    "2 * channels": "Twice the channels is right for 32×4d alone.",
    "4 * channels": "That is the number of channels of the output.",
}
GROUPS = table("""
groups={groups} is read as the number of channels in each group. The 3×3 has {width} channels in
{groups} groups of {per_group}, not in {per_group} groups of {groups}.
    conv2: groups=groups → groups=per_group
The 3×3 is not divided into groups: expected {groups} groups of {per_group} channels.
    conv2: groups=groups → groups=1
All three convolutions are divided into groups. Only the 3×3 should be: the 1×1 convolutions must
let all channels meet.
    conv: groups=1 → groups=groups
""")
IN_WIDTH = [
    mistake
    for width, why in WIDTHS.items()
    for mistake in table(f"""
The 3×3 should have int({{channels}} · {{base_width}} / 64) · {{groups}} = {{width}} channels,
yours has {{{width}}}. {why}
    width = per_group * groups → width = {width}
    or
    width = per_group * groups → width = {width}
    conv2: groups=groups → groups=1
""")
]
OUTPUT = table("""
The block has the groups and the width of 32×4d. Does it use its arguments groups and base_width?
    per_group = → groups, base_width = 32, 4; per_group =
The block gives {channels} channels: is the expansion by 4 forgotten?
    out_channels = stride, 4 * channels → out_channels = stride, channels
The block gives {4 * width} channels, four times the width of its 3×3. The output has
4 · {channels} = {4 * channels}, whatever that width is.
    out_channels = stride, 4 * channels → out_channels = stride, 4 * width
""")
IN_RESNEXT = [*GROUPS, *IN_WIDTH, *OUTPUT, *IN_ANY]

WRONG_DEFAULTS = table("""
Without the last two arguments it should be 32×4d: which defaults do they have?
    per_group = → groups, base_width = 1, 64; per_group =
    or
    per_group = → groups, base_width = 4, 32; per_group =
""")
