"""Deep stacks of equal layers: the simplest networks in which signals fade, and their cures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial

import torch
from torch import Tensor, nn

from resnet_course.blocks import check_sizes, is_whole

ACTIVATIONS: dict[str, type[nn.Module]] = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}
# What draws the weights, in place; None leaves those that `nn.Linear` has drawn.
INITIALISATIONS: dict[str, Callable[[Tensor], object] | None] = {
    "pytorch": None,
    "small": partial(nn.init.normal_, std=0.01),
    "xavier": nn.init.xavier_normal_,
    "he": partial(nn.init.kaiming_normal_, nonlinearity="relu"),
}


@dataclass(frozen=True)
class StackConfig:
    """A stack of `depth` linear layers with one activation each, then a classifier.

    Attributes:
        depth: number of layers before the classifier.
        width: values per layer.
        activation: "sigmoid", "tanh" or "relu".
        init: "pytorch" (what `nn.Linear` does by itself), "small" (normal, 0.01),
            "xavier" (Glorot and Bengio 2010) or "he" (He et al. 2015).
        batch_norm: normalise before each activation (Ioffe and Szegedy 2015).
        shortcut: add each layer's input to its output (He et al. 2016).

    Raises:
        ValueError: for unknown names and sizes that are not positive integers.
    """

    depth: int = 30
    width: int = 64
    activation: str = "sigmoid"
    init: str = "pytorch"
    batch_norm: bool = False
    shortcut: bool = False
    in_features: int = 28 * 28
    num_classes: int = 10

    def __post_init__(self) -> None:
        sizes = ("depth", "width", "in_features", "num_classes")
        check_sizes(**{name: getattr(self, name) for name in sizes})
        for name, choices in (("activation", ACTIVATIONS), ("init", INITIALISATIONS)):
            if (value := getattr(self, name)) not in choices:
                raise ValueError(f"unknown {name} {value!r}: choose one of {', '.join(choices)}.")


class Layer(nn.Module):
    """linear → (batch norm) → activation, (+ input): (batch, in) → (batch, width)."""

    def __init__(self, in_features: int, config: StackConfig) -> None:
        super().__init__()
        self.linear = nn.Linear(in_features, config.width)
        self.norm = nn.BatchNorm1d(config.width) if config.batch_norm else nn.Identity()
        self.activation = ACTIVATIONS[config.activation]()
        # The first layer changes the width, so its input cannot be added.
        self.shortcut = config.shortcut and in_features == config.width
        initialise_linear(self.linear, config.init)

    def forward(self, x: Tensor) -> Tensor:
        """Return activation(norm(linear(x))), plus x where there is a shortcut."""
        out = self.activation(self.norm(self.linear(x)))
        return out + x if self.shortcut else out


class Stack(nn.Module):
    """`StackConfig` as a network: pictures (batch, ...) → logits (batch, num_classes)."""

    def __init__(self, config: StackConfig) -> None:
        super().__init__()
        self.config = config
        sizes = [config.in_features] + [config.width] * (config.depth - 1)
        self.layers = nn.Sequential(*(Layer(size, config) for size in sizes))
        self.fc = nn.Linear(config.width, config.num_classes)
        initialise_linear(self.fc, config.init)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, (batch, num_classes). Raises a ValueError for pictures of another size."""
        x = torch.flatten(x, start_dim=1)
        if x.shape[1] != self.config.in_features:
            raise ValueError(
                f"this stack was built for in_features={self.config.in_features} numbers per "
                f"picture, got {x.shape[1]}."
            )
        return self.fc(self.layers(x))


def initialise_linear(layer: nn.Linear, init: str) -> None:
    """Draw the layer's weights in one of the `INITIALISATIONS`, in place."""
    if draw := INITIALISATIONS[init]:
        draw(layer.weight)
        nn.init.zeros_(layer.bias)


def create_stack(seed: int = 0, **options: object) -> Stack:
    """Build a stack, `create_stack(depth=30, activation="relu")`; the seed fixes its weights."""
    allowed = [field.name for field in fields(StackConfig)]
    for name in options:
        if name not in allowed:
            raise ValueError(f"unknown option {name!r}: a stack takes {', '.join(allowed)}.")
    if not is_whole(seed, 0):
        raise ValueError(f"seed must be a whole number from 0 up, got {seed!r}.")
    config = StackConfig(**options)  # type: ignore[arg-type]
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed the GPUs too
        return Stack(config)
