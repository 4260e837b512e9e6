"""Which parameters does a forward pass use, where, and in which order?

Learners choose their own names and their own style. What two right answers share is how numbers
flow: a picture meets a convolution's weights, the result meets a batch norm's two vectors, and so
on. `watch` writes that down, from `nn.Conv2d(...)(x)` and from `F.conv2d(x, weight)` alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from resnet_course.checks.guard import call
from resnet_course.tracing.recorder import CONVOLUTIONS, plain_name, same_shape, tensors_in

Pairs = list[tuple[nn.Parameter, list[nn.Parameter]]]


@dataclass(eq=False)
class Unit:
    """One layer of weights, and what is applied to its output: batch norm's vectors, a bias.

    Attributes:
        before: the layer whose output goes in; None for the input itself.
        depth: layers passed, this one included.
        weights: one, or several of one shape side by side, such as the paths of a ResNeXt block.
        vectors: in the order of their use.
    """

    before: Unit | None = None
    depth: int = 0
    weights: list[nn.Parameter] = field(default_factory=list)
    vectors: list[nn.Parameter] = field(default_factory=list)

    @property
    def key(self) -> tuple[int, int]:
        """What layers of the same place in two networks have in common."""
        return self.depth, sum(weight.numel() for weight in self.weights)


class Watcher(TorchFunctionMode):
    """Collects the units of a forward pass.

    Attributes:
        units: in the order of execution; the first has no weights and stands for the input.
        loose: shapes of convolution or linear weights that are no parameters.
        trail: the shapes that went into each convolution; and those that met where it failed.
    """

    def __init__(self, x: Tensor) -> None:
        super().__init__()
        self.units = [Unit()]
        self.loose: list[tuple[int, ...]] = []
        self.trail: list[list[tuple[int, ...]]] = []
        # Keyed by id; the tensor is kept beside, so that its id is not given to another.
        self.flows: dict[int, tuple[Tensor, Unit]] = {id(x): (x, self.units[0])}
        self.made: dict[int, tuple[Tensor, list[nn.Parameter]]] = {}  # of parameters alone

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the function, then note which parameters met the flow."""
        kwargs, kind = kwargs or {}, plain_name(func)
        given = list(tensors_in((args, kwargs)))
        try:
            result = same_shape(args, kwargs) if kind == "batch_norm" else None
            if result is None:
                result = func(*args, **kwargs)
        except Exception:
            # Sorted: a + b and b + a fail alike.
            self.trail.append(sorted(tuple(tensor.shape) for tensor in given))
            raise
        outputs = list(tensors_in(result))
        if outputs:
            self.note(kind, given, outputs)
        return result

    def note(self, kind: str, given: list[Tensor], outputs: list[Tensor]) -> None:
        """Find the unit of the outputs."""
        parts = [part for tensor in given for part in self.parts(tensor)]
        units = [self.flows[id(tensor)][1] for tensor in given if id(tensor) in self.flows]
        if not units:
            if parts:
                self.made.update((id(output), (output, parts)) for output in outputs)
            return
        # Where two paths meet, the result belongs to the longer one: the branch.
        unit = max(units, key=lambda each: each.depth)
        if kind in CONVOLUTIONS:
            self.trail.append([tuple(tensor.shape) for tensor in (*given[:2], *outputs)])
        weights = [part for part in parts if is_weight(part)]
        if kind in CONVOLUTIONS | {"linear"}:
            weights = self.parts(given[1])  # with a single channel it would look like a vector
            if not weights:
                self.loose.append(tuple(given[1].shape))
        for part in parts:
            if any(part is weight for weight in weights):
                unit = self.layer(unit, part)
            elif not any(part is vector for vector in unit.vectors):
                unit.vectors.append(part)
        self.flows.update((id(output), (output, unit)) for output in outputs)

    def parts(self, tensor: Tensor) -> list[nn.Parameter]:
        """Return the parameters that a tensor is made of, if it is made of nothing else."""
        if isinstance(tensor, nn.Parameter):
            return [tensor]
        return self.made[id(tensor)][1] if id(tensor) in self.made else []

    def layer(self, before: Unit, weight: nn.Parameter) -> Unit:
        """Return the unit of a weight: a new one, or the one of its sisters."""
        for unit in self.units:
            if unit.before is before and unit.weights[0].shape == weight.shape:
                if not any(weight is sister for sister in unit.weights):
                    unit.weights.append(weight)
                return unit
        self.units.append(Unit(before, before.depth + 1, [weight]))
        return self.units[-1]


def is_weight(part: Tensor) -> bool:
    """A weight has two axes or more; (1, C, 1, 1) is a vector in disguise."""
    return sum(size > 1 for size in part.shape) > 1


def watch(module: nn.Module, x: Tensor) -> tuple[Any, Watcher]:
    """Run the module once, without gradients; return its output and what was seen.

    An error in a learner's module becomes an `AnswerError`, as with `guard.call`.
    """
    with torch.no_grad(), Watcher(x) as watcher:
        return call(module, x), watcher


def failure(module: nn.Module, x: Tensor) -> list[list[tuple[int, ...]]]:
    """Return the trail of a forward pass that fails, the last place last; [] if it does not."""
    watcher = Watcher(x)
    try:
        with torch.no_grad(), watcher:
            module(x)
    except Exception:
        *before, last = watcher.trail or [[]]
        return [*sorted(before), last]
    return []


def pair(mine: Sequence[Unit], theirs: Sequence[Unit], swap: bool = False) -> Pairs | None:
    """Find for each of my parameters the one, or those side by side, that play its part.

    Args:
        mine: units of a network of known structure.
        theirs: units of the learner's.
        swap: their vectors come the other way round, bias first.

    Returns:
        (parameter of mine, parameters of theirs) in pairs; None if the two have not the same
        layers.
    """
    mine, theirs = (sorted(units, key=lambda unit: unit.key) for units in (mine, theirs))
    if [unit.key for unit in mine] != [unit.key for unit in theirs]:
        return None
    pairs: Pairs = []
    for a, b in zip(mine, theirs, strict=True):
        vectors = b.vectors
        if swap:
            vectors = [v for i in range(0, len(vectors), 2) for v in vectors[i : i + 2][::-1]]
        for own, others in ((a.weights, b.weights), (a.vectors, vectors)):
            if bool(own) != bool(others) or len(others) % max(len(own), 1):
                return None
            # [w1, b1, w2, b2] of two small batch norms are [w, b] of one large batch norm.
            pairs += [(part, others[i :: len(own)]) for i, part in enumerate(own)]
    return pairs if consistent(pairs) else None


def consistent(pairs: Pairs) -> bool:
    """Check sizes, and that a parameter used twice in one network is used twice in the other."""
    there: dict[int, tuple[int, ...]] = {}
    back: dict[int, int] = {}
    for own, others in pairs:
        names = tuple(map(id, others))
        if sum(other.numel() for other in others) != own.numel():
            return False
        if there.setdefault(id(own), names) != names:
            return False
        if any(back.setdefault(name, id(own)) != id(own) for name in names):
            return False
    return True


def joined(parts: Sequence[Tensor], shape: Sequence[int]) -> Tensor:
    """Lay tensors side by side into one of the given shape; one alone shares its memory."""
    if len(parts) == 1:
        return parts[0].reshape(shape)
    # Paths that are concatenated share out the outputs, paths that are added the inputs.
    axis = 0 if sum(part.shape[0] for part in parts) == shape[0] else 1
    return torch.cat(list(parts), axis).reshape(shape)
