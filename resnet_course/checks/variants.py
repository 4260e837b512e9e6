"""A residual block with every decision left open: the right one, and the mistakes that people make.

A checker compares a learner's block with these, one after the other. The first that computes the
same has the same mistake.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Step:
    """A convolution and what follows it.

    Attributes:
        name: for messages, "the first convolution".
        order: letters in the order of execution: c convolution, n batch norm, r ReLU.
        twin: position of the step whose batch norm this one uses too; None for one of its own.
        tied: position of the step whose convolution this one uses too.
    """

    name: str
    out: int
    kernel: int
    stride: int = 1
    groups: int = 1
    order: str = "cnr"
    bias: bool = False
    padded: bool = True
    twin: int | None = None
    tied: int | None = None


@dataclass(frozen=True)
class Plan:
    """A block: the steps of its branch, its shortcut, and how the two meet.

    Attributes:
        projection: the step on the shortcut; None where it is the input itself.
        end: letters in the order of execution: a addition, n batch norm, r ReLU.
        shortcut: "input", "relu" (a ReLU on it), "cut" (no gradient), "middle" (what the first
            step gives), "pad" (every other pixel, channels of zeros).
        statistics: whose mean batch norm uses: "usual", or always "batch" or "running".
    """

    in_channels: int
    steps: tuple[Step, ...]
    projection: Step | None
    end: str = "ar"
    shortcut: str = "input"
    statistics: str = "usual"


class Variant(nn.Module):
    """The module of a plan. Raises ValueError for groups that do not divide the channels."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self.convs, self.norms = nn.ModuleDict(), nn.ModuleDict()
        channels = plan.in_channels
        for i, step in enumerate(plan.steps):
            channels = self.add(str(i), channels, step)
        if plan.projection:
            self.add("p", plan.in_channels, plan.projection)
        if "n" in plan.end:
            self.norms["end"] = nn.BatchNorm2d(channels)

    def add(self, name: str, channels: int, step: Step) -> int:
        """Make the layers of one step; return its channels."""
        padding = step.kernel // 2 if step.padded else 0
        if min(step.out, step.groups) < 1:
            raise ValueError("a convolution needs channels")
        self.convs[name] = (
            nn.Conv2d(
                channels, step.out, step.kernel, step.stride, padding, 1, step.groups, step.bias
            )
            if step.tied is None
            else self.convs[str(step.tied)]
        )
        if "n" in step.order:
            first = step.order.index("n") < step.order.index("c")
            own = nn.BatchNorm2d(channels if first else step.out)
            self.norms[name] = own if step.twin is None else self.norms[str(step.twin)]
        return step.out

    def forward(self, x: Tensor) -> Tensor:
        """Run the plan."""
        plan, out, middle = self.plan, x, x
        for i, step in enumerate(plan.steps):
            out = self.run(str(i), step, out)
            middle = out if i == 0 else middle
        identity = {"relu": F.relu, "cut": Tensor.detach}.get(plan.shortcut, lambda each: each)(x)
        if plan.projection:
            identity = self.run("p", plan.projection, identity)
        if plan.shortcut == "middle":
            identity = middle
        if plan.shortcut == "pad":
            stride = max(step.stride for step in plan.steps)
            identity = x[:, :, ::stride, ::stride]
            identity = F.pad(identity, (0, 0, 0, 0, 0, out.shape[1] - x.shape[1]))
        for letter in plan.end:
            out = out + identity if letter == "a" else self.apply_letter(letter, "end", out)
        return out

    def run(self, name: str, step: Step, x: Tensor) -> Tensor:
        """Run one step."""
        for letter in step.order:
            x = self.apply_letter(letter, name, x)
        return x

    def apply_letter(self, letter: str, name: str, x: Tensor) -> Tensor:
        """Run one layer of a step."""
        if letter == "r":
            return F.relu(x)
        if letter == "c":
            return self.convs[name](x)
        norm = self.norms[name]
        if self.plan.statistics == "usual":
            return norm(x)
        batch = self.plan.statistics == "batch"
        return F.batch_norm(
            x, norm.running_mean, norm.running_var, norm.weight, norm.bias, training=batch
        )


def basic(in_channels: int, channels: int, stride: int = 1) -> Plan:
    """Return the plan of a basic block."""
    steps = (
        Step("the first convolution", channels, 3, stride),
        Step("the second convolution", channels, 3, order="cn"),
    )
    return Plan(in_channels, steps, projection(in_channels, channels, stride))


def bottleneck(
    in_channels: int, channels: int, stride: int = 1, groups: int = 1, base_width: int = 64
) -> Plan:
    """Return the plan of a bottleneck, or of a ResNeXt block."""
    width = int(channels * base_width / 64) * groups
    return narrow(in_channels, width, 4 * channels, stride, groups)


def narrow(in_channels: int, width: int, out: int, stride: int, groups: int = 1) -> Plan:
    """Return the plan of a bottleneck with its two widths given."""
    steps = (
        Step("the first 1×1", width, 1),
        Step("the 3×3", width, 3, stride, groups),
        Step("the last 1×1", out, 1, order="cn"),
    )
    return Plan(in_channels, steps, projection(in_channels, out, stride))


def projection(in_channels: int, out: int, stride: int) -> Step | None:
    """Return the step on the shortcut: none where the shape stays."""
    if stride == 1 and in_channels == out:
        return None
    return Step("the projection", out, 1, stride, order="cn")


def change(plan: Plan, where: int, **changes: object) -> Plan:
    """Return the plan with one step changed; -1 is the projection."""
    if where < 0:
        return replace(plan, projection=replace(plan.projection, **changes))
    steps = list(plan.steps)
    steps[where] = replace(steps[where], **changes)
    return replace(plan, steps=tuple(steps))


def parameters(plan: Plan) -> int:
    """Count the parameters of a plan without making it."""
    total, channels = 0, plan.in_channels
    steps = [*plan.steps, *([plan.projection] if plan.projection else [])]
    for step in steps:
        before = plan.in_channels if step is plan.projection else channels
        if step.tied is None:
            total += before // step.groups * step.kernel**2 * step.out + step.out * step.bias
        if "n" in step.order and step.twin is None:
            first = step.order.index("n") < step.order.index("c")
            total += 2 * (before if first else step.out)
        channels = step.out
    return total + 2 * plan.steps[-1].out * ("n" in plan.end)
