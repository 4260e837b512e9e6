"""The answers that the package does not need for itself: one right way among many."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from resnet_course.blocks import BasicBlock, Bottleneck


def sigmoid_slope(z: Tensor) -> Tensor:
    """Return the slope of the sigmoid at every number of z."""
    sigmoid = torch.sigmoid(z)
    return sigmoid * (1 - sigmoid)


def slope_bound(depth: int) -> float:
    """Return the largest product of so many slopes: each is a quarter at most."""
    return 0.25**depth


def residual_forward(x: Tensor, branch: Callable[[Tensor], Tensor]) -> Tensor:
    """Return ReLU(branch(x) + x); no operation in place, so x stays as it is."""
    return torch.relu(branch(x) + x)


def batch_norm(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    training: bool,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel of (N, C, H, W); in training, move the running statistics too."""
    mean, var = running_mean, running_var  # (C,)
    if training:
        mean = x.mean(dim=(0, 2, 3))
        var = x.var(dim=(0, 2, 3), correction=0)
        count = x.numel() / x.shape[1]  # numbers in a channel
        with torch.no_grad():
            running_mean.mul_(1 - momentum).add_(momentum * mean)
            running_var.mul_(1 - momentum).add_(momentum * var * count / (count - 1))
    mean, var, weight, bias = (each.view(-1, 1, 1) for each in (mean, var, weight, bias))
    return (x - mean) / torch.sqrt(var + eps) * weight + bias


def conv_output_size(size: int, kernel: int, stride: int, padding: int) -> int:
    """Return how many windows of `kernel` pixels fit along `size` pixels."""
    return (size + 2 * padding - kernel) // stride + 1


def needs_projection(in_channels: int, out_channels: int, stride: int) -> bool:
    """Return whether a block gives another shape than it takes, so that x must be changed too."""
    return stride != 1 or in_channels != out_channels


def zero_init(block: BasicBlock) -> None:
    """Silence the branch, in place: the last thing it does is to multiply by 0 (and add 0)."""
    with torch.no_grad():
        block.bn2.weight.zero_()


def make_stage(
    block: type[nn.Module], in_channels: int, channels: int, depth: int, stride: int
) -> nn.Sequential:
    """Build `depth` blocks in a row; only the first one changes the shape."""
    blocks = [block(in_channels, channels, stride)]
    for _ in range(depth - 1):
        blocks.append(block(channels * block.expansion, channels))
    return nn.Sequential(*blocks)


def count_layers(depths: Sequence[int], convs_per_block: int) -> int:
    """Count the layers with weights between picture and logits; shortcuts lie beside the way."""
    return 1 + convs_per_block * sum(depths) + 1


def stage_shapes(size: int) -> list[tuple[int, int, int]]:
    """Return channels, height and width after the stem and each stage of ResNet-34."""
    size = conv_output_size(size, kernel=7, stride=2, padding=3)
    size = conv_output_size(size, kernel=3, stride=2, padding=1)  # max pooling
    shapes = [(64, size, size)]
    for channels, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        size = conv_output_size(size, kernel=3, stride=stride, padding=1)
        shapes.append((channels, size, size))
    return shapes


def resnet34(num_classes: int) -> nn.Module:
    """Build ResNet-34: a stem, four stages, a head."""
    return nn.Sequential(
        nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
        make_stage(BasicBlock, 64, 64, depth=3, stride=1),
        make_stage(BasicBlock, 64, 128, depth=4, stride=2),
        make_stage(BasicBlock, 128, 256, depth=6, stride=2),
        make_stage(BasicBlock, 256, 512, depth=3, stride=2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(512, num_classes),
    )


def conv_params(in_channels: int, out_channels: int, kernel: int, groups: int = 1) -> int:
    """Return the weights of a convolution without bias: each filter sees one group of inputs."""
    return kernel * kernel * (in_channels // groups) * out_channels


class ResNeXtBlock(Bottleneck):
    """A bottleneck whose 3×3 has groups; the defaults are those of ResNeXt-50 32×4d."""

    def __init__(
        self,
        in_channels: int,
        channels: int,
        stride: int = 1,
        groups: int = 32,
        base_width: int = 4,
    ) -> None:
        super().__init__(in_channels, channels, stride, groups=groups, base_width=base_width)


def sgd_momentum(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    velocities: Sequence[Tensor],
    lr: float,
    momentum: float,
    weight_decay: float,
) -> None:
    """Take one step: change each parameter and its velocity, in place."""
    with torch.no_grad():
        for param, grad, velocity in zip(params, grads, velocities, strict=True):
            velocity.mul_(momentum).add_(grad + weight_decay * param)
            param.sub_(lr * velocity)


def freeze_backbone(model: nn.Module) -> None:
    """Let only `fc` learn, and batch norm keep its stored means and variances."""
    model.requires_grad_(False)
    model.fc.requires_grad_(True)
    model.eval()  # so batch norm uses its stored numbers and does not move them


class MultiHead(nn.Module):
    """One linear layer per question: features (batch, in_features) → a list of logits."""

    def __init__(self, in_features: int, sizes: Sequence[int]) -> None:
        super().__init__()
        self.heads = nn.ModuleList([nn.Linear(in_features, size) for size in sizes])

    def forward(self, features: Tensor) -> list[Tensor]:
        """Return one logits tensor (batch, size) per size."""
        return [head(features) for head in self.heads]


def box_iou(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the area that two boxes (x1, y1, x2, y2) share, divided by what either covers."""
    width = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    shared = width * height
    areas = [(x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in (a, b)]
    return shared / (sum(areas) - shared)


def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return for each query a mean of the values, weighted by how well their keys fit it."""
    scores = q @ k.transpose(-2, -1) / k.shape[-1] ** 0.5
    return scores.softmax(dim=-1) @ v


def growth_cost(depth: float, width: float, size: float) -> float:
    """Return how many times the multiply-adds grow with blocks, channels and side of a picture."""
    return depth * width**2 * size**2


def channel_statistics(pictures: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of each channel, over all pixels of all pictures."""
    pixels = torch.cat([picture.flatten(1) for picture in pictures], dim=1) / 255  # (C, pixels)
    return pixels.mean(dim=1), pixels.std(dim=1, correction=0)


def stratified_split(labels: Tensor, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """Hold out this share of each class: at least one picture, and at least one stays."""
    random = torch.Generator().manual_seed(seed)
    rest, held_out = [], []
    for label in labels.unique():
        own = (labels == label).nonzero().flatten()
        own = own[torch.randperm(len(own), generator=random)]
        count = min(max(round(share * len(own)), 1), len(own) - 1)
        held_out.append(own[:count])
        rest.append(own[count:])
    return torch.cat(rest), torch.cat(held_out)
