"""The mistakes that people make in a ResNet-34, each as a way to spoil the right one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_course.blocks import BasicBlock
from resnet_course.resnet import ResNet, create_model

Spoil = Callable[[ResNet], ResNet]
Mistakes = Iterator[tuple[str, Spoil]]


def made(num_classes: int, **options: Any) -> ResNet:
    """Make a ResNet-34 without memory."""
    with torch.device("meta"):
        return create_model("resnet34", num_classes=num_classes, **options)


def in_sizes() -> Mistakes:
    """Yield mistakes after which a map has another size, where the size alone does not say why."""
    yield "The max pooling of the stem is missing.", _set("maxpool", nn.Identity())
    pooling = "The max pooling of the stem should have 3×3 windows, stride 2 and padding 1."
    for other in (nn.MaxPool2d(2), nn.MaxPool2d(3, 2)):
        yield pooling, _set("maxpool", other)
    yield "Each stage but the first halves the map, but the first one here does too.", _strided
    stride = "The stride is in the second convolution of the blocks: it belongs in the first."
    yield stride, _blocks(_late_stride)


def in_numbers() -> Mistakes:
    """Yield mistakes that no shape shows."""
    relu = "There is no ReLU in the stem, between batch norm and pooling."
    yield relu, _set("relu", nn.Identity())
    no_norm = "There is no batch norm behind the first convolution."
    yield no_norm, _set("bn1", nn.Identity())
    yield no_norm, _set("bn1", nn.Identity(), "relu", nn.Identity())
    yield "The first convolution has a bias; batch norm behind it takes it away.", _biased_stem
    average = "The stem takes the average of each window, not its maximum."
    yield average, _set("maxpool", nn.AvgPool2d(3, 2, 1))
    logits = "The network should return logits. {} belongs to the loss, or to whoever reads them."
    for name, function in (
        ("Softmax", lambda x: F.softmax(x, 1)),
        ("Log-softmax", lambda x: F.log_softmax(x, 1)),
        ("A sigmoid", torch.sigmoid),
    ):
        yield logits.format(name), _then(function)
    yield "There is a ReLU behind the last layer: logits may be negative.", _then(F.relu)
    head = "The head takes the maximum of each channel, not its average."
    yield head, _set("avgpool", nn.AdaptiveMaxPool2d(1))
    yield "The blocks have their last ReLU before the addition, not after it.", _blocks(_relu_first)
    yield "The blocks have no ReLU after the addition.", _blocks(_no_last_relu)
    yield "The blocks have no ReLU inside their branch.", _blocks(_no_middle_relu)
    plain = "Nothing is added in the blocks: without shortcuts this is the plain network."
    yield plain, lambda net: made(net.fc.out_features, shortcut="none")
    zeros = "The shortcuts are padded with zeros. Here they are projections: 1×1 and batch norm."
    yield zeros, lambda net: made(net.fc.out_features, shortcut="zero_pad")
    yield "The projections have no batch norm.", _bare_projections
    yield "The convolutions have a bias; batch norm behind each takes it away.", _biased


def _set(*names_and_parts: Any) -> Spoil:
    def spoil(net: ResNet) -> ResNet:
        for name, part in zip(names_and_parts[::2], names_and_parts[1::2], strict=True):
            setattr(net, name, part)
        return net

    return spoil


def _then(function: Callable[[Tensor], Tensor]) -> Spoil:
    def spoil(net: ResNet) -> ResNet:
        net.register_forward_hook(lambda module, given, output: function(output))
        return net

    return spoil


def _biased_stem(net: ResNet) -> ResNet:
    net.conv1.bias = nn.Parameter(torch.empty(64, device="meta"))
    return net


def _biased(net: ResNet) -> ResNet:
    for conv in net.modules():
        if isinstance(conv, nn.Conv2d):
            conv.bias = nn.Parameter(torch.empty(conv.out_channels, device="meta"))
    return net


def _strided(net: ResNet) -> ResNet:
    with torch.device("meta"):
        net.layer1[0] = BasicBlock(64, 64, 2)
    return net


def _bare_projections(net: ResNet) -> ResNet:
    for stage in (net.layer2, net.layer3, net.layer4):
        stage[0].downsample = stage[0].downsample[0]
    return net


def _blocks(change: Callable[[BasicBlock], None]) -> Spoil:
    def spoil(net: ResNet) -> ResNet:
        for block in net.modules():
            if isinstance(block, BasicBlock):
                change(block)
        return net

    return spoil


def _identity(block: BasicBlock, x: Tensor) -> Tensor:
    return x if block.downsample is None else block.downsample(x)


def _branch(block: BasicBlock, x: Tensor) -> Tensor:
    return block.bn2(block.conv2(F.relu(block.bn1(block.conv1(x)))))


def _relu_first(block: BasicBlock) -> None:
    block.forward = lambda x: F.relu(_branch(block, x)) + _identity(block, x)


def _no_last_relu(block: BasicBlock) -> None:
    block.forward = lambda x: _branch(block, x) + _identity(block, x)


def _no_middle_relu(block: BasicBlock) -> None:
    block.forward = lambda x: F.relu(
        block.bn2(block.conv2(block.bn1(block.conv1(x)))) + _identity(block, x)
    )


def _late_stride(block: BasicBlock) -> None:
    block.conv1.stride, block.conv2.stride = block.conv2.stride, block.conv1.stride
