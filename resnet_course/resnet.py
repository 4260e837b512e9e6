"""Residual networks of every depth from one table.

A network is a stem, a few stages of blocks, average pooling and one linear layer. What differs
between ResNet-18 and ResNeXt-101 is a `ResNetConfig`, a handful of numbers.
"""

from __future__ import annotations

import difflib
import inspect
import os
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor, nn

from resnet_course.blocks import BasicBlock, Bottleneck, check_shortcut, check_sizes, is_whole

# Kernel and stride of the first convolution.
STEMS = {"imagenet": (7, 2), "cifar": (3, 1), "whitening": (4, 2)}


@dataclass(frozen=True)
class ResNetConfig:
    """Everything that decides the shape of a residual network.

    Attributes:
        block: `BasicBlock`, `Bottleneck`, `PreActBlock`, or a class of your own with the arguments
            of `BasicBlock` and an attribute `expansion`: channels of its output, divided by
            `channels`. Its attribute `pre_activation`, False if there is none, says that it ends
            with the addition; its method `zero_init_branch()` is for `zero_init_residual`.
        depths: blocks per stage, (2, 2, 2, 2) for ResNet-18.
        widths: channels per stage, before the block's expansion.
        groups: groups of the 3×3 convolution (`Bottleneck` only).
        base_width: channels per group where a stage is 64 wide (`Bottleneck` only).
        stem: "imagenet" (7×7 convolution, stride 2, then 3×3 max pooling, stride 2); for small
            pictures "cifar" (3×3 convolution, no pooling) or "whitening", see `whitening_stem`.
        shortcut: "projection", "zero_pad" or "none", see `BasicBlock`.
        in_channels: 3 for colour, 1 for grey pictures.
        num_classes: number of logits.
        zero_init_residual: start every block as the identity (Goyal et al. 2017).
        stem_stride: stride of the stem's convolution; None takes the stem's own, 2 for
            "imagenet" and "whitening", 1 for "cifar".

    Raises:
        ValueError: for values that cannot be built; the message says what is allowed.
    """

    block: type[nn.Module]
    depths: tuple[int, ...]
    widths: tuple[int, ...] = (64, 128, 256, 512)
    groups: int = 1
    base_width: int = 64
    stem: str = "imagenet"
    shortcut: str = "projection"
    in_channels: int = 3
    num_classes: int = 1000
    zero_init_residual: bool = False
    stem_stride: int | None = None

    def __post_init__(self) -> None:
        for name in ("depths", "widths"):
            numbers = getattr(self, name)
            if not isinstance(numbers, (tuple, list)):
                raise ValueError(f"{name} must be a tuple, one number per stage, got {numbers!r}.")
            object.__setattr__(self, name, tuple(numbers))
        if not isinstance(self.block, type) or not issubclass(self.block, nn.Module):
            raise ValueError(
                f"block must be a class like BasicBlock or Bottleneck, got {self.block!r}."
            )
        if not self.depths or len(self.depths) != len(self.widths):
            raise ValueError(
                f"depths and widths need one number per stage, and at least one stage: "
                f"got depths={self.depths} and widths={self.widths}."
            )
        for i, (depth, width) in enumerate(zip(self.depths, self.widths, strict=True)):
            check_sizes(**{f"depths[{i}]": depth, f"widths[{i}]": width})
        check_sizes(
            groups=self.groups,
            base_width=self.base_width,
            in_channels=self.in_channels,
            num_classes=self.num_classes,
        )
        if self.stem_stride is not None:
            check_sizes(stem_stride=self.stem_stride)
        if self.stem not in STEMS:
            raise ValueError(f"unknown stem {self.stem!r}: choose one of {', '.join(STEMS)}.")
        check_shortcut(self.shortcut)
        if self.zero_init_residual and self.shortcut == "none":
            raise ValueError(
                "zero_init_residual=True needs a shortcut: without one, a silent branch lets "
                'nothing through. Use shortcut="projection" or "zero_pad".'
            )
        if not issubclass(self.block, Bottleneck) and (self.groups, self.base_width) != (1, 64):
            raise ValueError(
                f"groups and base_width belong to Bottleneck; {self.block.__name__} takes "
                f"groups=1 and base_width=64 only, got {self.groups} and {self.base_width}."
            )
        self._check_block()

    def _check_block(self) -> None:
        name, expansion = self.block.__name__, getattr(self.block, "expansion", None)
        if not is_whole(expansion):
            raise ValueError(
                f"block {name} must have an attribute expansion, a positive integer: channels of "
                f"its output, divided by the argument channels. Write expansion = 1 into the "
                f"class; got {expansion!r}."
            )
        for sizes in ((64, 64, 2), (64, 64)):  # the first block of a stage, the others
            try:
                inspect.signature(self.block).bind(*sizes, **self.block_options)
            except TypeError as error:
                options = ", ".join(f"{key}={value!r}" for key, value in self.block_options.items())
                raise ValueError(
                    f"block {name} must take the arguments (in_channels, channels, stride=1, *, "
                    f"{options}), but its __init__ does not: {error}."
                ) from None

    @property
    def block_options(self) -> dict[str, Any]:
        """What every block is built with, beside its sizes."""
        options: dict[str, Any] = {"shortcut": self.shortcut}
        if issubclass(self.block, Bottleneck):
            options |= {"groups": self.groups, "base_width": self.base_width}
        return options


class ResNet(nn.Module):
    """A residual network: (batch, in_channels, H, W) → logits (batch, num_classes).

    He et al. 2016, "Deep Residual Learning for Image Recognition", table 1 and section 4.2.
    The keys of the state dict are torchvision's.
    """

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__()
        if not isinstance(config, ResNetConfig):
            raise ValueError(
                f"config must be a ResNetConfig, got {config!r:.60}: create_model(name) builds a "
                "network by name."
            )
        self.config = config
        channels, imagenet = config.widths[0], config.stem == "imagenet"
        kernel, stride = STEMS[config.stem]
        shape = (config.in_channels, channels, kernel, config.stem_stride or stride)
        if config.stem == "whitening":
            self.conv1 = whitening_stem(*shape)
        else:
            self.conv1 = nn.Conv2d(*shape, padding=kernel // 2, bias=False)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1) if imagenet else nn.Identity()
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()

        self.stage_names = tuple(f"layer{i}" for i in range(1, len(config.depths) + 1))
        stride = 1  # the first stage keeps the size that the stem leaves, the others halve it
        for name, width, depth in zip(self.stage_names, config.widths, config.depths, strict=True):
            self.add_module(name, make_stage(config, channels, width, depth, stride))
            channels, stride = width * config.block.expansion, 2

        # Pre-activation blocks end with an addition, so the last sum is still to be normalised.
        ends_with_sum = getattr(config.block, "pre_activation", False)
        self.final_norm = nn.BatchNorm2d(channels) if ends_with_sum else None
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, config.num_classes)
        initialise(self, config.zero_init_residual)

    def features(self, x: Tensor) -> Tensor:
        """Return the pooled features, (batch, channels): all of the network but `fc`."""
        x = self.conv1(x)
        x = self.bn1(x)
        x = self.relu(x)
        x = self.maxpool(x)
        for name in self.stage_names:
            x = getattr(self, name)(x)
        if self.final_norm is not None:
            x = self.relu(self.final_norm(x))
        x = self.avgpool(x)
        return torch.flatten(x, start_dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, (batch, num_classes): one score per class, not yet probabilities."""
        return self.fc(self.features(x))


def whitening_stem(in_channels: int, channels: int, kernel: int, stride: int) -> nn.Sequential:
    """Build a frozen convolution, whose filters `train.whiten` sets, ReLU and a learned 3×3.

    It has a filter for each number in a patch and the negative of each, so that ReLU loses nothing.
    From tysam-code 2023, github.com/tysam-code/hlb-CIFAR10, and Jordan 2024, arXiv 2404.00498.
    """
    filters = 2 * in_channels * kernel * kernel
    frozen = nn.Conv2d(in_channels, filters, kernel, stride, padding=1, bias=False)
    learned = nn.Conv2d(filters, channels, 3, padding=1, bias=False)
    frozen.requires_grad_(False)
    return nn.Sequential(OrderedDict(whiten=frozen, relu=nn.ReLU(), mix=learned))


def make_stage(
    config: ResNetConfig, in_channels: int, channels: int, depth: int, stride: int
) -> nn.Sequential:
    """Build one stage: `depth` blocks in a row, of which the first changes the shape."""
    options = config.block_options
    blocks = [config.block(in_channels, channels, stride, **options)]
    for _ in range(depth - 1):
        blocks.append(config.block(channels * config.block.expansion, channels, **options))
    return nn.Sequential(*blocks)


def initialise(model: nn.Module, zero_init_residual: bool = False) -> None:
    """Draw all convolution weights anew, for ReLU networks (He et al. 2015), in place.

    With `zero_init_residual` the last batch normalisation of every block starts at weight 0:
    each branch is silent at first and each block passes its input on.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
    if zero_init_residual:
        for module in model.modules():
            if hasattr(module, "zero_init_branch"):
                module.zero_init_branch()


def cifar_config(depth: int, shortcut: str = "zero_pad") -> ResNetConfig:
    """Return the three-stage net for small pictures with `depth` = 6n + 2 weighted layers.

    He et al. 2016, section 4.2. The paper's choice is zero-padding: then the residual net and
    the plain net (`shortcut="none"`) have exactly the same parameters.

    Raises:
        ValueError: if depth is not 8, 14, 20, ...
    """
    if not is_whole(depth, 8) or (depth - 2) % 6:
        raise ValueError(
            f"depth must be 6n + 2 (8, 14, 20, 26, ...): one convolution, three stages of n "
            f"blocks with two convolutions each, one linear layer. Got {depth!r}."
        )
    n = (depth - 2) // 6
    depths, widths = (n, n, n), (16, 32, 64)
    return ResNetConfig(BasicBlock, depths, widths, stem="cifar", shortcut=shortcut, num_classes=10)


CONFIGS: dict[str, ResNetConfig] = {
    "resnet18": ResNetConfig(BasicBlock, (2, 2, 2, 2)),
    "resnet34": ResNetConfig(BasicBlock, (3, 4, 6, 3)),
    "resnet50": ResNetConfig(Bottleneck, (3, 4, 6, 3)),
    "resnet101": ResNetConfig(Bottleneck, (3, 4, 23, 3)),
    "resnet152": ResNetConfig(Bottleneck, (3, 8, 36, 3)),
    "resnext50_32x4d": ResNetConfig(Bottleneck, (3, 4, 6, 3), groups=32, base_width=4),
    "resnext101_32x8d": ResNetConfig(Bottleneck, (3, 4, 23, 3), groups=32, base_width=8),
    "wide_resnet50_2": ResNetConfig(Bottleneck, (3, 4, 6, 3), base_width=128),
    "plain18": ResNetConfig(BasicBlock, (2, 2, 2, 2), shortcut="none"),
    "plain34": ResNetConfig(BasicBlock, (3, 4, 6, 3), shortcut="none"),
}
for _depth in (8, 14, 20, 32, 44, 56, 110):
    CONFIGS[f"resnet{_depth}"] = cifar_config(_depth)
    CONFIGS[f"plain{_depth}"] = cifar_config(_depth, shortcut="none")
# As deep and as dear as resnet20: 30.8 million multiply-adds on a 28×28 picture. 8×4d in the words
# of Xie et al.: in the first stage 8 groups of 4 channels, which is int(16 · 16 / 64) = 4.
CONFIGS["resnext20_8x4d"] = ResNetConfig(
    Bottleneck, (2, 2, 2), (16, 32, 64), groups=8, base_width=16, stem="cifar", num_classes=10
)


def create_model(name: str, **overrides: Any) -> ResNet:
    """Build a network by name, with any field of `ResNetConfig` changed.

    >>> model = create_model("resnet18", in_channels=1, num_classes=10)

    Raises:
        ValueError: if there is no such name or field; the message lists what there is.
    """
    if not isinstance(name, str) or name not in CONFIGS:
        close = difflib.get_close_matches(str(name), CONFIGS, n=1)
        guess = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"unknown model {name!r}.{guess} Choose one of: {', '.join(CONFIGS)}.")
    allowed = [field.name for field in fields(ResNetConfig)]
    for key in overrides:
        if key not in allowed:
            raise ValueError(f"unknown option {key!r}: a model takes {', '.join(allowed)}.")
    return ResNet(replace(CONFIGS[name], **overrides))


def load_torchvision(
    model: ResNet, state_dict: Mapping[str, Any] | str | os.PathLike[str]
) -> list[str]:
    """Copy torchvision's weights into `model`; returns the keys of the model that were left out.

    The classifier `fc` is left out (and keeps its fresh weights) where there is none among the
    weights, or one with another number of classes; everything else must fit.

    Args:
        model: the network to fill.
        state_dict: weights by their names; a checkpoint with one such dictionary among its entries;
            or the path of a file with one of them. A beginning that all names share, such as the
            "module." of DataParallel, is taken off.

    Raises:
        ValueError: if a key is missing, unknown or of another shape, or the file cannot be read:
            the model is untouched then.
    """
    ours, weights = model.state_dict(), _weights(state_dict)
    tops = {key.partition(".")[0] for key in ours}
    while weights and all("." in key for key in weights):
        first, *others = {key.partition(".")[0] for key in weights}
        if others or first in tops:
            break
        weights = {key.partition(".")[2]: value for key, value in weights.items()}
    shapes = [
        {key: value.shape for key, value in state.items() if key.startswith("fc.")}
        for state in (ours, weights)
    ]
    left_out = [] if shapes[0] == shapes[1] else list(shapes[0])
    if left_out:
        weights = {key: value for key, value in weights.items() if not key.startswith("fc.")}
    # Files from before torch 0.4.1 do not count batches; batch norm then keeps its fresh count.
    needed = {key for key in ours if not key.endswith(".num_batches_tracked")} - {*left_out}
    missing = sorted(needed - weights.keys())
    unknown = sorted(weights.keys() - ours.keys())
    if missing or unknown:
        raise ValueError(
            f"this state dict is of another architecture: {len(missing)} keys are missing "
            f"{missing[:3]}, {len(unknown)} are unknown {unknown[:3]}."
        )
    for key, value in weights.items():
        if ours[key].shape != value.shape:
            raise ValueError(
                f"{key} has shape {tuple(value.shape)} in the state dict and "
                f"{tuple(ours[key].shape)} in the model."
            )
    model.load_state_dict(weights, strict=False)
    return left_out


def _weights(given: object) -> Mapping[str, Tensor]:
    """Return the weights that are given: themselves, in a checkpoint, or by the path of a file."""
    if isinstance(given, (str, os.PathLike)):
        try:
            given = torch.load(given, map_location="cpu", weights_only=True)
        except OSError as error:
            raise ValueError(f"{given} cannot be read: {error.strerror or error}.") from error
        except Exception as error:  # what a damaged file raises depends on where it is damaged
            raise ValueError(
                f"{given} is damaged, or holds more than tensors, which would not be safe to load: "
                "torch.save(model.state_dict(), path) writes a file that can be read."
            ) from error
    if not isinstance(given, Mapping):
        raise ValueError(
            f"state_dict must be a dictionary of tensors or the path of its file, got "
            f"{type(given).__name__}: model.state_dict() makes one of a network."
        )
    if all(isinstance(key, str) and isinstance(value, Tensor) for key, value in given.items()):
        return given
    entries = {
        key: value
        for key, value in given.items()
        # Not what has a tensor among other things, as the states of random numbers in `last.pt`.
        if isinstance(value, Mapping) and value
        if all(isinstance(each, Tensor) for each in value.values())
    }
    if len(entries) != 1:
        listed = ", ".join(map(repr, entries or given))
        several = "more than one entry with weights, choose one" if entries else "no weights"
        raise ValueError(f"this checkpoint has {several}: {listed}.")
    return _weights(*entries.values())
