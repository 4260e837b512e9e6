"""The gradient of a deep stack, layer by layer: measured, and judged in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_course.measure.gradients import gradient_norms
from resnet_course.measure.stacks import StackConfig, create_stack

SLOPE = 0.25  # the largest slope of the sigmoid
LEARNING_RATE = 0.1
VANISHES, FADES, EXPLODES = 1e-6, 1e-3, 1e3  # gradient norms between two verdicts
RULES = {
    "Vanishes": "the gradient norm at the first layer is less than a millionth",
    "Fades": "the gradient norm at the first layer is less than a thousandth",
    "Healthy": "the gradient norm is at least a thousandth at the first layer, and at most 1,000 "
    "everywhere",
    "Explodes": "somewhere the gradient norm is more than 1,000 or not a number",
}
EDGES = {"v": "exactly 0", "^": "infinite or not a number"}  # marker → what it stands for


@dataclass(frozen=True)
class StackGradients:
    """What was measured on one stack, before any training.

    Attributes:
        config: how the stack is built.
        norms: layer name → gradient norm, from the first layer to the classifier `fc`.
        weight: size of a typical weight of the first layer (root mean square).
        step: how far one step of training with `LEARNING_RATE` moves such a weight, likewise.
    """

    config: StackConfig
    norms: dict[str, float]
    weight: float
    step: float

    @property
    def recipe(self) -> str:
        """The choices in short words: "ReLU, he, batch norm, 20 layers"."""
        config = self.config
        words = ["ReLU" if config.activation == "relu" else config.activation]
        words += [config.init] if config.init != "pytorch" else []
        words += ["batch norm"] if config.batch_norm else []
        words += ["shortcut"] if config.shortcut else []
        return ", ".join([*words, f"{config.depth} layer{'s' * (config.depth > 1)}"])

    @property
    def level(self) -> str:
        """The verdict in one word, a key of `RULES`."""
        first, *_ = values = list(self.norms.values())
        if not all(value <= EXPLODES for value in values):  # false for "not a number" as well
            return "Explodes"
        return "Vanishes" if first < VANISHES else "Fades" if first < FADES else "Healthy"

    @property
    def verdict(self) -> str:
        """The verdict with its rule, and the numbers behind it, in a few sentences."""
        words = [f"{self.level}: {RULES[self.level]}", self._ends(), *self._gaps(), self._moves()]
        return ". ".join(words) + "."

    @property
    def ends(self) -> str:
        """Recipe, first and last norm in one sentence."""
        first, *_, last = map(number, self.norms.values())
        return f"{self.recipe}: {first} at the first layer, {last} at the last."

    def at(self, marker: str) -> list[int]:
        """Return the layers, counted from 1, whose norm a log scale shows as this of `EDGES`."""
        beyond = {"v": lambda value: value == 0, "^": lambda value: not math.isfinite(value)}
        return [i for i, value in enumerate(self.norms.values(), 1) if beyond[marker](value)]

    def _ends(self) -> str:
        """Compare the first layer with the last one before the classifier, and with 1/4 each."""
        hidden = list(self.norms.values())[:-1]
        first, last, steps = hidden[0], hidden[-1], len(hidden) - 1
        drawn = math.isfinite(drawable(first) + drawable(last))
        ratio = f": {_times(first / last)}" if drawn else ""
        words = (
            f"At the first layer it is {number(first)}, and at layer {len(hidden)}, just before "
            f"the classifier, {number(last)}{ratio}"
        )
        if self.config.activation == "sigmoid" and SLOPE**steps > 0:
            words += (
                f". A quarter per layer would make it {_times(SLOPE**steps)} "
                f"(0.25^{steps} = {number(SLOPE**steps)})"
            )
        return words

    def _gaps(self) -> list[str]:
        """Name the layers that have no place on a log scale, and say why."""
        shut = ", or the ReLUs on the way are shut" * (self.config.activation == "relu")
        reasons = {"v": f"float32 has no number so small{shut}", "^": "too large for float32"}
        return [
            f"It is {EDGES[marker]} at {_places(self.at(marker))}: {reason}"
            for marker, reason in reasons.items()
            if self.at(marker)
        ]

    def _moves(self) -> str:
        """Say whether a weight of the first layer would move, computed as float32 does it."""
        words = f"One step of training (learning rate {LEARNING_RATE}) would "
        if self.step == 0:
            return f"{words}change no weight of the first layer at all"
        if not math.isfinite(self.step):
            return f"{words}make the weights of the first layer useless"
        words += f"change a typical weight of the first layer, {number(self.weight)}, by "
        before = torch.tensor(self.weight)
        if torch.equal(before - torch.tensor(self.step), before):
            so = "float32 rounds that away, and the weight does not move"
        elif self.step > self.weight:
            so = f"{number(self.step / self.weight)} times its own size"
            so += ". Smaller steps are safer" * (self.level == "Healthy")
        else:
            so = f"it moves by {number(self.step / self.weight)} of its size"
            if self.level == "Healthy":
                so += ". A gradient arrives; how well the network learns, only training can show"
        return f"{words}{number(self.step)}: {so}"


def measure_stack(config: StackConfig, x: Tensor, y: Tensor) -> StackGradients:
    """Build the stack with the weights of seed 0 and measure it on a batch.

    The pictures are float32 (batch, ...), `config.in_features` values each, labels int64 (batch,).
    """
    stack = create_stack(**asdict(config))
    norms = gradient_norms(stack, x, y)
    weight = stack.layers[0].linear.weight.detach().double()
    root = math.sqrt(weight.numel())
    step = LEARNING_RATE * next(iter(norms.values())) / root
    return StackGradients(config, norms, weight.norm().item() / root, step)


def train_one_step(config: StackConfig, x: Tensor, y: Tensor) -> dict[str, float]:
    """Train the stack with the weights of seed 0 for one step of SGD with `LEARNING_RATE`.

    Pictures and labels are those of `measure_stack`.

    Returns:
        layer name → share of its weights that are another number afterwards, from 0 to 1.
    """
    stack = create_stack(**asdict(config))
    layers = {name: m for name, m in stack.named_modules() if isinstance(m, nn.Linear)}
    before = {name: layer.weight.detach().clone() for name, layer in layers.items()}
    optimizer = torch.optim.SGD(stack.parameters(), lr=LEARNING_RATE)
    with torch.enable_grad():
        F.cross_entropy(stack(x), y).backward()
    optimizer.step()
    return {name: (m.weight != before[name]).float().mean().item() for name, m in layers.items()}


def moves(share: float) -> str:
    """Return "most", "some" or "none": how many weights of a layer have changed."""
    return "most" if share >= 0.5 else "some" if share > 0 else "none"


def step_words(shares: Mapping[str, float]) -> str:
    """Say which layers have moved, as `train_one_step` returns them."""
    found = {
        how: [i for i, share in enumerate(shares.values(), 1) if moves(share) == how]
        for how in ("most", "some", "none")
    }
    words = [f"{how} weights of {_places(layers)}" for how, layers in found.items() if layers]
    words[-1] = words[-1].replace("none weights", "no weight")
    listed = ", ".join(words[:-1]) + (", and " if words[1:] else "") + words[-1]
    return f"One step of training (learning rate {LEARNING_RATE}) has changed {listed}."


def number(value: float) -> str:
    """Write a number of any size with two digits, or in words what a log scale cannot show."""
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else "infinite"
    if value == 0:
        return "exactly 0"
    return f"{value:,.0f}" if 10 <= value < 1e5 else f"{value:.2g}"


def drawable(value: float) -> float:
    """Return the number, or NaN where a logarithmic axis cannot show it."""
    return value if 0 < value < math.inf else math.nan


def _times(ratio: float) -> str:
    if 0.95 < ratio < 1.05:
        return "about as large"
    return f"{number(1 / ratio)} times smaller" if ratio < 1 else f"{number(ratio)} times larger"


def _places(layers: Sequence[int]) -> str:
    """Write layer numbers: "layer 3", "layers 1 to 5", "7 layers from 2 to 20"."""
    first, last = layers[0], layers[-1]
    if first == last:
        return f"layer {first}"
    whole = last - first + 1 == len(layers)
    return f"layers {first} to {last}" if whole else f"{len(layers)} layers from {first} to {last}"
