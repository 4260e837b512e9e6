"""Which parameters does a forward pass use, where, and in which order?

Learners choose their own names and their own style. What two right answers share is how numbers
flow: a picture meets a convolution's weights, the result meets a batch norm's two vectors, and so
on. `watch` writes that down, from `nn.Conv2d(...)(x)` and from `F.conv2d(x, weight)` alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from resnet_course.checks.guard import call
from resnet_course.tracing.functions import CONVOLUTIONS, plain_name
from resnet_course.tracing.origins import tensors_in
from resnet_course.tracing.recorder import Recorder
from resnet_course.tracing.rows import Shape


@dataclass(eq=False)
class Unit:
    """One layer of weights, and what is applied to its output: batch norm's vectors, a bias."""

    before: Unit | None = None  # the layer whose output goes in; None for the input itself
    depth: int = 0  # layers passed, this one included
    # One, or several of one shape side by side, such as the paths of a ResNeXt block.
    weights: list[nn.Parameter] = field(default_factory=list)
    vectors: list[nn.Parameter] = field(default_factory=list)  # in the order of their use


class Watcher(Recorder):
    """Collects the units of a forward pass.

    Each tensor is given an attribute: `unit`, the layer that it comes from, or `parts`, the
    parameters that it is made of, if it is made of nothing else. Parameters are looked for in sets,
    which compare them by identity; `in` a list would compare their numbers.
    """

    def __init__(self, x: Tensor) -> None:
        super().__init__()
        x.unit = Unit()  # has no weights and stands for the input
        self.units = [x.unit]  # in the order of execution
        self.loose: list[Shape] = []  # of convolution or linear weights that are no parameters
        self.trail: list[list[Shape]] = []  # of each convolution's input, weight and output

    @property
    def shapes(self) -> list[Shape]:
        """Of all weights."""
        return [tuple(weight.shape) for unit in self.units for weight in unit.weights]

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the function, then note which parameters met the flow."""
        result = super().__torch_function__(func, types, args, kwargs)
        kind, outputs = plain_name(func), list(tensors_in(result))
        given = list(tensors_in((args, kwargs))) if outputs else []
        parts = [part for tensor in given for part in parts_of(tensor)]
        units = [tensor.unit for tensor in given if hasattr(tensor, "unit")]
        if not units:
            for output in outputs if parts else []:
                output.parts = parts
            return result
        # Where two paths meet, the result belongs to the longer one: the branch.
        unit = max(units, key=lambda each: each.depth)
        weights = [part for part in parts if sum(size > 1 for size in part.shape) > 1]
        if kind in CONVOLUTIONS:
            self.trail.append([tuple(tensor.shape) for tensor in (*given[:2], *outputs)])
        if kind in CONVOLUTIONS | {"linear"}:
            weights = parts_of(given[1])  # with a single channel it would look like a vector
            if not weights:
                self.loose.append(tuple(given[1].shape))
        for part in parts:
            if part in set(weights):
                unit = self.layer(unit, part)
            elif part not in set(unit.vectors):
                unit.vectors.append(part)
        for output in outputs:
            output.unit = unit
        return result

    def layer(self, before: Unit, weight: nn.Parameter) -> Unit:
        """Return the unit of a weight: a new one, or the one of its sisters."""
        behind = [unit for unit in self.units if unit.before is before]
        unit = next((u for u in behind if u.weights[0].shape == weight.shape), None)
        if not unit:
            unit = Unit(before, before.depth + 1)
            self.units.append(unit)
        if weight not in set(unit.weights):
            unit.weights.append(weight)
        return unit


def parts_of(tensor: Tensor) -> list[nn.Parameter]:
    """Return the parameters that a tensor is made of, if it is made of nothing else."""
    return [tensor] if isinstance(tensor, nn.Parameter) else getattr(tensor, "parts", [])


def watch(module: nn.Module, x: Tensor) -> tuple[Any, Watcher]:
    """Call the module without gradients; return its output and what was seen."""
    with torch.no_grad(), Watcher(x) as watcher:
        return call(module, x), watcher


def failure(module: nn.Module, x: Tensor) -> list[list[Shape]]:
    """Return the shapes on the way of a forward pass that fails, or [] if it does not.

    The last ones are those that met where it failed. They are sorted: a + b and b + a fail alike.
    """
    watcher = Watcher(x)
    with suppress(Exception), torch.no_grad(), watcher:
        module(x)
        return []
    return [*sorted(watcher.trail), sorted(watcher.failure.shapes if watcher.failure else [])]


def pair(mine: Sequence[Unit], theirs: Sequence[Unit]) -> dict[int, list[nn.Parameter]] | None:
    """Find for each of my parameters the one, or those side by side, that play its part, by its id.

    None if the two have not the same layers, or share them in other places. Mine are of a network
    of known structure, without paths side by side.
    """

    def place(unit: Unit) -> tuple[int, int]:
        return unit.depth, sum(weight.numel() for weight in unit.weights)

    mine, theirs = (sorted(units, key=place) for units in (mine, theirs))
    if list(map(place, mine)) != list(map(place, theirs)):
        return None
    pairs: dict[int, list[nn.Parameter]] = {}
    for a, b in zip(mine, theirs, strict=True):
        for own, others in ((a.weights, b.weights), (a.vectors, b.vectors)):
            if bool(own) != bool(others) or len(others) % max(len(own), 1):
                return None
            for i, part in enumerate(own):
                # [w1, b1, w2, b2] of two small batch norms are [w, b] of one large batch norm.
                group = others[i :: len(own)]
                known = pairs.setdefault(id(part), group)
                size = sum(other.numel() for other in group)
                if list(map(id, known)) != list(map(id, group)) or size != part.numel():
                    return None
    used = [other for group in pairs.values() for other in group]
    return pairs if len(set(used)) == len(used) else None


def joined(parts: Sequence[Tensor], shape: Sequence[int]) -> Tensor:
    """Lay tensors side by side into one of the given shape; one alone shares its memory."""
    if len(parts) == 1:
        return parts[0].reshape(shape)
    # Paths that are concatenated share out the outputs, paths that are added the inputs.
    axis = 0 if sum(part.shape[0] for part in parts) == shape[0] else 1
    return torch.cat(list(parts), axis).reshape(shape)
