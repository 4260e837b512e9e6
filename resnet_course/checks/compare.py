"""Compare a learner's network with another one, whatever its parts are called.

Both get the same numbers. Which of the learner's parameters plays the part of, say, the second
batch norm follows from the flow of numbers, see `flow`. Then equal outputs in evaluation mode, in
training mode, after a training step, and equal gradients mean: the same function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.parameter import is_lazy

from resnet_course.checks.flow import joined, pair, watch
from resnet_course.checks.guard import AnswerError, call
from resnet_course.checks.modules import check_finite, check_output

EVALUATION = "in evaluation mode"
TRAINING = "in training mode"
GRADIENTS = "in its gradients"
AFTERWARDS = "in evaluation mode after a step in training mode"
# How far two results may be apart, as a part of the largest value. The last one leaves room for a
# batch norm by hand that divides by n and not by n - 1 when it updates its running variance.
TOLERANCES = {EVALUATION: 1e-3, TRAINING: 1e-3, GRADIENTS: 1e-2, AFTERWARDS: 1e-2}

Parts = dict[int, list[nn.Parameter]]


class Subject:
    """A learner's module, run once in each mode with lively numbers in all its parameters.

    Args:
        module: fresh, as the learner made it.
        x: an input.
        gradients: run backward as well.

    Raises:
        AnswerError: the module fails, gives something else than a tensor, changes its input, or
            uses weights that are not registered.
    """

    def __init__(self, module: nn.Module, x: Tensor, gradients: bool = True) -> None:
        self.module, self.x = module, x
        start_statistics(module)
        given = x.clone()
        self.output, self.watcher = watch(module.eval(), given)
        if not torch.equal(given, x):
            raise AnswerError(
                "Your code changes its input x in place, with += or an in-place ReLU perhaps. The "
                "shortcut still needs it, and the caller too: make a new tensor instead."
            )
        check_output(self.output, x)
        self.check_parameters()
        check_finite(self.output)
        for part in module.parameters():
            enliven(part)
        weights = {id(part): part for part in module.parameters()}
        work = phases(lambda given: call(module, given), module, x, weights, gradients)
        self.results = dict(work)
        self.slopes = dict(zip(weights, self.results.get(GRADIENTS, [x])[1:], strict=False))

    def check_parameters(self) -> None:
        """Complain about weights that an optimiser would not find, or that nothing uses."""
        used = [p for unit in self.watcher.units for p in (*unit.weights, *unit.vectors)]
        known = {id(part) for part in self.module.parameters()}
        lost = [tuple(part.shape) for part in used if id(part) not in known] + self.watcher.loose
        if lost:
            raise AnswerError(
                f"The forward pass uses weights of shape {lost[0]} that parameters() does not "
                "list, so they would never be trained. Are these layers in a plain Python list or "
                "dict, or made in forward? Make them in __init__, each an attribute of self or "
                "inside nn.Sequential or nn.ModuleList."
            )
        for name, part in self.module.named_parameters():
            if not part.requires_grad:
                raise AnswerError(f"{name} is frozen: its requires_grad is False. Let it learn.")
        used_ids = set(map(id, used))
        idle = {n: p for n, p in self.module.named_parameters() if id(p) not in used_ids}
        if idle:
            name, part = next(iter(idle.items()))
            raise AnswerError(
                f"{sum(p.numel() for p in idle.values()):,} parameters are never used in forward, "
                f"for example {name} of shape {tuple(part.shape)}. Make only the layers that this "
                "block needs, and call all of them."
            )

    def difference(self, other: nn.Module, gradients: bool = True) -> str | None:
        """Compare with a network of known structure, which may be on the meta device.

        Args:
            other: the network; its own numbers are not used.
            gradients: compare gradients too.

        Returns:
            where the two differ first: "" if they are the same function; None if they have not
            the same layers, or the other one cannot take this input.
        """
        found = None
        for parts in self.pairings(other):
            differ = self._compare(other, parts, gradients)
            if not differ:
                return ""
            found = found or differ
        return found

    def pairings(self, other: nn.Module) -> list[Parts]:
        """Find my parameters for each parameter of another network, by its id.

        Returns:
            usually one pairing; none if the two have not the same layers; several where it is not
            clear which of two vectors is batch norm's weight and which its bias.
        """
        try:
            device = next(other.parameters()).device
            _, watcher = watch(other.eval(), self.x.to(device, copy=True))
        except AnswerError:  # it cannot take this input
            return []
        both = (pair(watcher.units, self.watcher.units, swap) for swap in (False, True))
        return [{id(own): theirs for own, theirs in pairs} for pairs in both if pairs]

    def evaluates_like(self, other: nn.Module, numbers: dict[str, Tensor]) -> bool:
        """Compare in evaluation mode only: quick, to sort out suspects."""
        state = {**numbers, **fresh_buffers(other)}
        expected = _evaluate(lambda given: stand_in(other, state, given), other, self.x)
        return agree(self.results[EVALUATION], [expected], TOLERANCES[EVALUATION])

    def _compare(self, other: nn.Module, parts: Parts, gradients: bool) -> str:
        """Give the other network my numbers and return the first phase in which it differs."""
        own = dict(other.named_parameters())
        numbers = borrowed(other, parts)
        state = {**numbers, **fresh_buffers(other)}
        for phase, expected in phases(
            lambda given: stand_in(other, state, given),
            other,
            self.x,
            numbers,
            gradients,
        ):
            mine = self.results[phase]
            if phase == GRADIENTS:
                mine = [self.results[phase][0]] + [
                    joined([self.slopes[id(part)] for part in parts[id(p)]], p.shape)
                    for p in own.values()
                ]
            if not agree(mine, expected, TOLERANCES[phase]):
                return phase
        return ""


def phases(
    forward: Callable[[Tensor], Tensor],
    module: nn.Module,
    x: Tensor,
    weights: Mapping[Any, Tensor],
    gradients: bool,
) -> Iterator[tuple[str, list[Tensor]]]:
    """Yield each phase with its results: an output, or the gradients of x and of the weights."""
    yield EVALUATION, [_evaluate(forward, module, x)]
    leaf = x.clone().requires_grad_(gradients)
    module.train()
    with torch.set_grad_enabled(gradients):
        output = forward(leaf * 1.0)  # a leaf may not be changed in place, what is made of it may
    yield TRAINING, [output.detach()]
    if gradients:
        yield GRADIENTS, _gradients(output, [leaf, *weights.values()])
    yield AFTERWARDS, [_evaluate(forward, module, x)]


def _evaluate(forward: Callable[[Tensor], Tensor], module: nn.Module, x: Tensor) -> Tensor:
    module.eval()
    with torch.no_grad():
        return forward(x.clone())


def _gradients(output: Tensor, wanted: list[Tensor]) -> list[Tensor]:
    if not output.requires_grad:
        raise AnswerError("No gradient comes back from the output: is no_grad or detach used?")
    slope = torch.linspace(-1, 1, output.numel()).reshape(output.shape)
    try:
        found = torch.autograd.grad(output, wanted, slope, allow_unused=True)
    except RuntimeError as error:
        raise AnswerError(
            f"The backward pass fails: {error} Does forward change a tensor in place, with += or "
            "inplace=True, that a gradient still needs?"
        ) from error
    pairs = zip(wanted, found, strict=True)
    return [torch.zeros_like(leaf) if slope is None else slope for leaf, slope in pairs]


def start_statistics(module: nn.Module) -> None:
    """Let batch norms begin anew: whoever has tried the module out has moved their averages."""
    for part in module.modules():
        if isinstance(part, _NormBase) and not any(map(is_lazy, part.buffers())):
            part.reset_running_stats()


def enliven(part: Tensor) -> None:
    """Fill a parameter with numbers that hide no mix-up: fresh batch norms are all alike."""
    with torch.no_grad():
        if sum(size > 1 for size in part.shape) < 2:
            part.normal_(0.5, 0.5)
            return
        # Millions of fresh random numbers take long; long rows of used ones do as well.
        some = torch.randn(min(part.numel(), 100_003)) * (2 / part[0].numel()) ** 0.5
        flat = part.reshape(-1)
        for piece in flat.split(some.numel()):
            piece.copy_(some[: piece.numel()])
        part.copy_(flat.reshape(part.shape))


def stand_in(other: nn.Module, state: dict[str, Tensor], x: Tensor) -> Tensor:
    """Run a network with other numbers.

    A module that is used under two names is changed once: with `tie_weights` its own numbers would
    not come back afterwards.
    """
    return functional_call(other, state, (x,), tie_weights=False)


def borrowed(other: nn.Module, parts: Parts) -> dict[str, Tensor]:
    """Return numbers for the parameters of a network, by name, from a pairing."""
    return {
        name: joined([part.detach() for part in parts[id(own)]], own.shape).requires_grad_()
        for name, own in other.named_parameters()
    }


def fresh_buffers(other: nn.Module) -> dict[str, Tensor]:
    """Return the buffers of batch norm as they start: mean 0, variance 1, no batch counted."""
    return {
        name: torch.full(buffer.shape, int(name.endswith("running_var")), dtype=buffer.dtype)
        for name, buffer in other.named_buffers()
    }


def agree(mine: list[Tensor], others: list[Tensor], tolerance: float) -> bool:
    """Return whether two lists of tensors agree; NaN never does."""
    if [a.shape for a in mine] != [b.shape for b in others]:
        return False
    sizes = [float(b.abs().max()) for b in others]
    # The gradient of a bias before batch norm is rounding alone: nothing to measure it by.
    floor = 1e-3 * max(sizes, default=0.0)
    return all(
        bool((a - b).abs().max() <= tolerance * max(size, floor))
        for a, b, size in zip(mine, others, sizes, strict=True)
    )
