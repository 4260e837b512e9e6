"""The building blocks of residual networks.

Every block computes a *branch* F(x) of a few convolutions and adds its input back:
H(x) = F(x) + x. Attribute names are torchvision's, so that weights can be exchanged.

ReLU and addition are out of place. An in-place version saves some memory, but it overwrites
tensors that full backward hooks and the backward pass itself still want to see.
"""

from __future__ import annotations

import math
from numbers import Integral

import torch.nn.functional as F
from torch import Tensor, nn

SHORTCUTS = ("projection", "zero_pad", "none")


def conv3x3(in_channels: int, out_channels: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """A 3×3 convolution that keeps height and width at stride 1 and halves them at stride 2.

    It has no bias: the batch normalisation that follows subtracts the mean, and a bias with it.
    With groups > 1 each group of output channels sees only its own group of input channels.

    Raises:
        ValueError: if the channels cannot be dealt out evenly to the groups, or for sizes that
            are not positive integers.
    """
    check_sizes(in_channels=in_channels, out_channels=out_channels, stride=stride, groups=groups)
    if in_channels % groups or out_channels % groups:
        raise ValueError(
            f"in_channels={in_channels} and out_channels={out_channels} must both be divisible "
            f"by groups={groups}."
        )
    return nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, groups=groups, bias=False)


def conv1x1(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    """A 1×1 convolution: one linear map over the channels, the same at every pixel; no bias.

    Raises:
        ValueError: for sizes that are not positive integers.
    """
    check_sizes(in_channels=in_channels, out_channels=out_channels, stride=stride)
    return nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)


class ZeroPadShortcut(nn.Module):
    """Shortcut "option A" of He et al. 2016: skip pixels, add channels of zeros, learn nothing.

    (batch, in_channels, H, W) → (batch, out_channels, ⌈H/stride⌉, ⌈W/stride⌉)
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        if out_channels < in_channels:
            raise ValueError(
                f"a zero-padding shortcut can add channels, not remove them: got in_channels="
                f'{in_channels} and out_channels={out_channels}. Use shortcut="projection".'
            )
        self.missing_channels = out_channels - in_channels
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Take every stride-th pixel and append zero channels."""
        x = x[:, :, :: self.stride, :: self.stride]
        # F.pad counts from the last axis: (left, right, top, bottom, first channel, last channel).
        return F.pad(x, (0, 0, 0, 0, 0, self.missing_channels))


def make_shortcut(
    in_channels: int, out_channels: int, stride: int, shortcut: str
) -> nn.Module | None:
    """Build the module that brings the block's input to the shape of the branch's output.

    Returns None where nothing is needed: the shapes already agree, or there is no shortcut.
    Every projection is followed by batch normalisation, so that both terms of the sum arrive
    on the same scale.
    """
    if shortcut == "none" or (stride == 1 and in_channels == out_channels):
        return None
    if shortcut == "zero_pad":
        return ZeroPadShortcut(in_channels, out_channels, stride)
    return nn.Sequential(conv1x1(in_channels, out_channels, stride), nn.BatchNorm2d(out_channels))


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut: the block of ResNet-18 and ResNet-34.

    (batch, in_channels, H, W) → (batch, channels, ⌈H/stride⌉, ⌈W/stride⌉)

    He et al. 2016, "Deep Residual Learning for Image Recognition", figure 2.

    Args:
        in_channels: channels of the input.
        channels: channels of both convolutions and of the output.
        stride: stride of the first convolution; 2 halves height and width.
        shortcut: "projection" (1×1 convolution and batch normalisation where the shape changes),
            "zero_pad" (option A: no parameters) or "none" (a plain network, no addition at all).

    Raises:
        ValueError: for sizes that are not positive integers and for unknown shortcuts.
    """

    expansion = 1
    pre_activation = False

    def __init__(
        self, in_channels: int, channels: int, stride: int = 1, *, shortcut: str = "projection"
    ) -> None:
        super().__init__()
        check_shortcut(shortcut)
        check_sizes(in_channels=in_channels, channels=channels, stride=stride)
        self.conv1 = conv3x3(in_channels, channels, stride)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = conv3x3(channels, channels)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()
        self.downsample = make_shortcut(in_channels, channels, stride, shortcut)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Return ReLU(F(x) + x)."""
        out = self.conv1(x)
        out = self.bn1(out)
        out = self.relu(out)
        out = self.conv2(out)
        out = self.bn2(out)
        if self.shortcut != "none":
            identity = x if self.downsample is None else self.downsample(x)
            out = out + identity
        return self.relu(out)

    def zero_init_branch(self) -> None:
        """Silence the branch, in place: the block then starts as ReLU(x) (Goyal et al. 2017)."""
        nn.init.zeros_(self.bn2.weight)


class Bottleneck(nn.Module):
    """1×1, 3×3, 1×1 convolutions and a shortcut: the block of ResNet-50 and of ResNeXt.

    (batch, in_channels, H, W) → (batch, 4 · channels, ⌈H/stride⌉, ⌈W/stride⌉)

    The first 1×1 makes the volume thin, the 3×3 works on the thin volume, the last 1×1 makes it
    thick again. The stride sits in the 3×3, as in torchvision ("v1.5"): in the first 1×1, where
    He et al. 2016 had it, three quarters of the input would never be looked at.
    With groups > 1 this is the block of Xie et al. 2017, "Aggregated Residual Transformations".

    Args:
        in_channels: channels of the input.
        channels: nominal width; the 3×3 has int(channels · base_width / 64) · groups channels.
        stride: stride of the 3×3 convolution.
        groups: number of groups of the 3×3 (32 in ResNeXt-50 32×4d).
        base_width: channels per group where channels is 64 (4 in ResNeXt-50 32×4d).
        shortcut: "projection", "zero_pad" or "none", as in `BasicBlock`.

    Raises:
        ValueError: for sizes that are not positive integers, a width that comes to zero,
            and unknown shortcuts.
    """

    expansion = 4
    pre_activation = False

    def __init__(
        self,
        in_channels: int,
        channels: int,
        stride: int = 1,
        *,
        groups: int = 1,
        base_width: int = 64,
        shortcut: str = "projection",
    ) -> None:
        super().__init__()
        check_shortcut(shortcut)
        check_sizes(
            in_channels=in_channels,
            channels=channels,
            stride=stride,
            groups=groups,
            base_width=base_width,
        )
        width = int(channels * base_width / 64) * groups
        if width == 0:
            raise ValueError(
                f"channels={channels} with base_width={base_width} leaves less than one channel "
                f"per group: channels · base_width must be at least 64."
            )
        out_channels = channels * self.expansion
        self.conv1 = conv1x1(in_channels, width)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = conv3x3(width, width, stride, groups)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = conv1x1(width, out_channels)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU()
        self.downsample = make_shortcut(in_channels, out_channels, stride, shortcut)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Return ReLU(F(x) + x)."""
        out = self.conv1(x)
        out = self.bn1(out)
        out = self.relu(out)
        out = self.conv2(out)
        out = self.bn2(out)
        out = self.relu(out)
        out = self.conv3(out)
        out = self.bn3(out)
        if self.shortcut != "none":
            identity = x if self.downsample is None else self.downsample(x)
            out = out + identity
        return self.relu(out)

    def zero_init_branch(self) -> None:
        """Silence the branch, in place: the block then starts as ReLU(x) (Goyal et al. 2017)."""
        nn.init.zeros_(self.bn3.weight)


class PreActBlock(nn.Module):
    """BN and ReLU *before* each convolution, and nothing after the addition.

    (batch, in_channels, H, W) → (batch, channels, ⌈H/stride⌉, ⌈W/stride⌉)

    An identity shortcut is then a straight wire from the loss to the first layer.
    He et al. 2016b, "Identity Mappings in Deep Residual Networks", figure 4(e).
    The arguments and errors are those of `BasicBlock`.
    """

    expansion = 1
    pre_activation = True

    def __init__(
        self, in_channels: int, channels: int, stride: int = 1, *, shortcut: str = "projection"
    ) -> None:
        super().__init__()
        check_shortcut(shortcut)
        check_sizes(in_channels=in_channels, channels=channels, stride=stride)
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = conv3x3(in_channels, channels, stride)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = conv3x3(channels, channels)
        self.relu = nn.ReLU()
        self.downsample = make_shortcut(in_channels, channels, stride, shortcut)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Return F(x) + x, where F starts with BN and ReLU."""
        out = self.bn1(x)
        out = self.relu(out)
        out = self.conv1(out)
        out = self.bn2(out)
        out = self.relu(out)
        out = self.conv2(out)
        if self.shortcut != "none":
            identity = x if self.downsample is None else self.downsample(x)
            out = out + identity
        return out

    def zero_init_branch(self) -> None:
        """Silence the branch, in place: the block then starts as x itself."""
        nn.init.zeros_(self.conv2.weight)


def check_shortcut(shortcut: str) -> None:
    """Raise a ValueError if there is no such kind of shortcut."""
    if shortcut not in SHORTCUTS:
        raise ValueError(f"unknown shortcut {shortcut!r}: choose one of {', '.join(SHORTCUTS)}.")


def shape_or_type(value: object) -> str:
    """Return what came in place of something else: the shape of a tensor, else the type."""
    return str(tuple(value.shape)) if isinstance(value, Tensor) else type(value).__name__


def is_whole(value: object, low: int = 1, high: float = math.inf) -> bool:
    """Return whether a value is a whole number in a range; True and False are none."""
    return isinstance(value, Integral) and not isinstance(value, bool) and low <= value <= high


def check_whole(low: int, high: float = math.inf, **values: object) -> None:
    """Raise a ValueError if one of the named values is not a whole number in a range."""
    for name, value in values.items():
        if not is_whole(value, low, high):
            words = f"from {low} up" if high == math.inf else f"from {low} to {high:,}"
            raise ValueError(f"{name} must be a whole number {words}, got {value!r}.")


def check_sizes(**sizes: int) -> None:
    """Raise a ValueError if one of the named sizes is not a positive integer."""
    for name, value in sizes.items():
        if not is_whole(value):
            raise ValueError(f"{name} must be a positive integer, got {value!r}.")
