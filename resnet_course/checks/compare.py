"""Compare a learner's network with another one, whatever its parts are called.

Both get the same numbers. Which of the learner's parameters plays the part of, say, the second
batch norm follows from the flow of numbers, see `flow`. Then equal outputs in evaluation mode, in
training mode, after a training step, and equal gradients mean: the same function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.parameter import is_lazy

from resnet_course.checks.faults import check, explained
from resnet_course.checks.flow import joined, pair, watch
from resnet_course.checks.guard import call

EVALUATION, TRAINING, GRADIENTS = "in evaluation mode", "in training mode", "in its gradients"
AFTERWARDS = f"{EVALUATION} after a step {TRAINING}"
# How far two results may be apart, as a part of the largest value. The last one leaves room for a
# batch norm by hand that divides by n and not by n - 1 when it updates its running variance; more
# of it in a whole network, whose last maps have few numbers.
TOLERANCES = {EVALUATION: 1e-3, TRAINING: 1e-3, GRADIENTS: 1e-2, AFTERWARDS: 1e-2}
WHOLE_NETWORK = TOLERANCES | {AFTERWARDS: 5e-2}


def made_by(answer: Callable[..., Any], *arguments: Any) -> Any:
    """Call what makes a module; explain what happens without super().__init__()."""
    with explained("error_in_init"):
        module = call(answer, *arguments)
    check("made", module=module)
    return module


def build(answer: Callable[..., Any], *arguments: Any) -> nn.Module:
    """Make the learner's module, on the CPU and in single precision."""
    module = made_by(answer, *arguments)
    check("module", module=module)
    return module


class Subject:
    """A learner's module, run once in each mode with lively numbers in all its parameters.

    It is checked for what is wrong whatever the module should be.
    """

    def __init__(
        self,
        module: nn.Module,
        x: Tensor,
        gradients: bool = True,
        tolerances: dict[str, float] = TOLERANCES,
    ) -> None:
        self.module, self.x, self.gradients, self.tolerances = module, x, gradients, tolerances
        for part in module.modules():
            # Whoever has tried the module out has moved these averages.
            if isinstance(part, _NormBase) and not any(map(is_lazy, part.buffers())):
                part.reset_running_stats()
        for part in module.parameters():
            if not is_lazy(part):
                enliven(part)
        given = x.clone()
        self.output, self.seen = watch(module.eval(), given)
        units = self.seen.units
        check(
            "forward",
            output=self.output,
            x=x,
            given=given,
            loose=self.seen.loose,
            used=dict.fromkeys(part for unit in units for part in (*unit.weights, *unit.vectors)),
            names={part: name for name, part in module.named_parameters()},
            same=lambda: agree(self.output, call(module, x.clone())),
        )
        for unit in units:
            # Which of two vectors is batch norm's weight, and which its bias, nobody needs to know
            # if they have the same numbers.
            for part in unit.vectors[1:]:
                part.detach().view(-1).copy_(unit.vectors[0].detach().view(-1)[: part.numel()])
        self.known: dict[tuple[Any, ...], dict[str, Tensor]] = {}  # what other networks got
        self.results = dict(self._phases(lambda given: call(module, given), module))

    def difference(self, other: nn.Module) -> str | None:
        """Give a network of known structure, on any device, my numbers; compare what it computes.

        Returns:
            where the two differ first: "" if they are the same function; None if they have not
            the same layers, or the other one cannot take this input.
        """
        if count(other) != count(self.module):
            return None
        try:
            numbers = self._numbers(other)
            run = self._phases(lambda x: functional_call(other, numbers, (x,)), other)
            for phase, expected in run:
                if not agree(self.results[phase], expected, self.tolerances[phase]):
                    return phase
        except Exception:  # other layers, or it cannot take this input
            return None
        return ""

    def _numbers(self, other: nn.Module) -> dict[str, Tensor]:
        """Return my numbers for another network, with its buffers as they start: variance 1."""
        own = dict(other.named_parameters())
        key = tuple((name, part.shape) for name, part in own.items())
        if key not in self.known:
            _, seen = watch(other.eval(), self.x.to(next(other.parameters()).device, copy=True))
            pairs = pair(seen.units, self.seen.units)
            if pairs is None:
                raise ValueError("the two have not the same layers")
            self.known[key] = {
                name: joined([mine.detach() for mine in pairs[id(part)]], part.shape)
                for name, part in own.items()
            }
        return self.known[key] | {
            name: torch.full(buffer.shape, int(name.endswith("running_var")), dtype=buffer.dtype)
            for name, buffer in other.named_buffers()
        }

    def _phases(
        self, forward: Callable[[Tensor], Tensor], module: nn.Module
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield each phase with its result: an output, or the gradient of x."""
        with torch.no_grad():
            module.eval()
            yield EVALUATION, forward(self.x.clone())
        module.train()
        leaf = self.x.clone().requires_grad_(self.gradients)
        with torch.set_grad_enabled(self.gradients):
            output = forward(leaf * 1.0)  # a leaf may not be changed in place, but a product may
        yield TRAINING, output.detach()
        if self.gradients:
            yield GRADIENTS, gradient(output, leaf)
        with torch.no_grad():
            module.eval()
            yield AFTERWARDS, forward(self.x.clone())


def gradient(output: Tensor, leaf: Tensor) -> Tensor:
    """Return what comes back to `leaf` from a weighted sum of the output."""
    check("no_gradient_back", output=output)
    slope = torch.linspace(-1, 1, output.numel()).reshape(output.shape)
    try:
        return torch.autograd.grad(output, leaf, slope, materialize_grads=True)[0]
    except RuntimeError as error:
        check("backward_fails", error=error)
        raise


def enliven(part: Tensor) -> None:
    """Fill a parameter with numbers that hide no mix-up: fresh batch norms are all alike."""
    with torch.no_grad():
        if sum(size > 1 for size in part.shape) < 2 or not part.numel():
            part.normal_(0.5, 0.5)
            return
        # Millions of fresh random numbers take long; long rows of used ones do as well.
        some = torch.randn(min(part.numel(), 100_003)) * (2 / part[0].numel()) ** 0.5
        part.copy_(some.repeat(-(-part.numel() // len(some)))[: part.numel()].reshape(part.shape))


def count(module: nn.Module) -> int:
    """Count parameters; one that is used twice counts once."""
    return sum(part.numel() for part in module.parameters())


def agree(mine: Tensor, other: Tensor, tolerance: float = TOLERANCES[EVALUATION]) -> bool:
    """Return whether two tensors agree; NaN never does."""
    if mine.shape != other.shape:
        return False
    return bool((mine - other).abs().max() <= tolerance * other.abs().max())
