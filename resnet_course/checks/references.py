"""The right blocks and ResNet-34 as source text, and the mistakes that are made in them.

The mistakes stand in block_mistakes.txt, which says how to read them; `variants` applies them.
"""

from __future__ import annotations

from resnet_course.checks.variants import table

BASIC = """
class Block(nn.Module):
    def __init__(self, in_channels, channels, stride=1):
        super().__init__()
        self.stride, out_channels = stride, channels
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride=1, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.project = self.project_bn = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.project = nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False)
            self.project_bn = nn.BatchNorm2d(out_channels)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        shortcut = self.project_bn(self.project(x))
        return F.relu(out + shortcut)
"""
BASIC_NAMES = ("the first convolution", "the second convolution")

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

NETWORK = f"""{BASIC}

def stage(in_channels, channels, depth, stride):
    rest = [Block(channels, channels) for _ in range(depth - 1)]
    return nn.Sequential(Block(in_channels, channels, stride), *rest)

class Network(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.stem = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.stem_bn = nn.BatchNorm2d(64)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.stage1 = stage(64, 64, depth=3, stride=1)
        self.stage2 = stage(64, 128, depth=4, stride=2)
        self.stage3 = stage(128, 256, depth=6, stride=2)
        self.stage4 = stage(256, 512, depth=3, stride=2)
        self.fc = nn.Linear(512, num_classes)

    def forward(self, x):
        out = F.relu(self.stem_bn(self.stem(x)))
        out = self.pool(out)
        out = self.stage4(self.stage3(self.stage2(self.stage1(out))))
        out = out.mean(dim=(2, 3))
        return self.fc(out)
"""

IN_ANY_BLOCK = [*table("paths"), *table("shortcut")]
IN_ANY_BRANCH = [*table("batch norms"), *table("small things")]
IN_BASIC_BLOCKS = [*IN_ANY_BLOCK, *table("basic strides"), *IN_ANY_BRANCH]
IN_ANY_THIN = [*IN_ANY_BLOCK, *table("thin strides"), *IN_ANY_BRANCH]
IN_BOTTLENECKS = [*table("thin widths"), *IN_ANY_THIN]
IN_RESNEXT = [*table("groups"), *table("group widths"), *table("output"), *IN_ANY_THIN]
WRONG_DEFAULTS = table("defaults")
IN_SIZES = table("network sizes")  # a map has another size, and the size alone does not say why
IN_NUMBERS = table("network numbers")  # no shape shows these
