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

from resnet_course.checks.flow import Unit, joined, pair, watch
from resnet_course.checks.guard import AnswerError, call
from resnet_course.checks.modules import check_output
from resnet_course.checks.values import refuse

EVALUATION = "in evaluation mode"
TRAINING = "in training mode"
GRADIENTS = "in its gradients"
AFTERWARDS = "in evaluation mode after a step in training mode"
# How far two results may be apart, as a part of the largest value. The last one leaves room for a
# batch norm by hand that divides by n and not by n - 1 when it updates its running variance.
TOLERANCES = {EVALUATION: 1e-3, TRAINING: 1e-3, GRADIENTS: 1e-2, AFTERWARDS: 1e-2}


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
        self.module, self.x, self.gradients = module, x, gradients
        for part in module.modules():
            # Whoever has tried the module out has moved these averages.
            if isinstance(part, _NormBase) and not any(map(is_lazy, part.buffers())):
                part.reset_running_stats()
        for part in module.parameters():
            if not is_lazy(part):
                enliven(part)
        given = x.clone()
        self.output, watcher = watch(module.eval(), given)
        if not torch.equal(given, x):
            raise AnswerError(
                "Your code changes its input x in place, with += or an in-place ReLU perhaps. The "
                "shortcut still needs it, and the caller too: make a new tensor instead."
            )
        self.units, self.trail = watcher.units, watcher.trail
        check_output(self.output, x)
        self.check_parameters(watcher.loose)
        refuse(
            not self.output.isfinite().all(),
            "The output contains NaN or infinity. Is there a division by 0, or a tensor that "
            "nothing fills, such as torch.empty?",
        )
        if not agree(self.output, call(module, x.clone()), TOLERANCES[EVALUATION]):
            raise AnswerError(
                "In evaluation mode it gives two different outputs for the same input. Is there "
                "anything random in it, such as F.dropout without training=self.training?"
            )
        make_alike(self.units)
        self.known: dict[tuple[Any, ...], dict[str, Tensor]] = {}  # what other networks got
        self.results = dict(phases(lambda given: call(module, given), module, x, gradients))

    def check_parameters(self, loose: list[tuple[int, ...]]) -> None:
        """Complain about weights that an optimiser would not find, or that nothing uses."""
        used = [part for unit in self.units for part in (*unit.weights, *unit.vectors)]
        known, used_ids = set(map(id, self.module.parameters())), set(map(id, used))
        lost = [tuple(part.shape) for part in used if id(part) not in known] + loose
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
        idle = [(n, p) for n, p in self.module.named_parameters() if id(p) not in used_ids]
        for name, part in idle[:1]:
            raise AnswerError(
                f"{sum(p.numel() for _, p in idle):,} parameters are never used in forward, "
                f"for example {name} of shape {tuple(part.shape)}. Make only the layers that this "
                "block needs, and call all of them."
            )

    def difference(self, other: nn.Module) -> str | None:
        """Give a network of known structure my numbers, and compare what it computes.

        Args:
            other: the network; it may be without memory, on the meta device.

        Returns:
            where the two differ first: "" if they are the same function; None if they have not
            the same layers, or the other one cannot take this input.
        """
        numbers = self._numbers(other)
        if numbers is None:
            return None
        for name, buffer in other.named_buffers():  # as they start: variance 1, all else 0
            start = int(name.endswith("running_var"))
            numbers[name] = torch.full(buffer.shape, start, dtype=buffer.dtype)

        def forward(x: Tensor) -> Tensor:
            return functional_call(other, numbers, (x,))

        try:
            for phase, expected in phases(forward, other, self.x, self.gradients):
                if not agree(self.results[phase], expected, TOLERANCES[phase]):
                    return phase
        except Exception:  # it cannot take this input, or two mistakes do not go together
            return None
        return ""

    def _numbers(self, other: nn.Module) -> dict[str, Tensor] | None:
        """Return my numbers for the parameters of another network; None if they do not fit."""
        key = tuple((name, part.shape) for name, part in other.named_parameters())
        if key not in self.known:
            device = next(other.parameters()).device
            try:
                _, watcher = watch(other.eval(), self.x.to(device, copy=True))
            except AnswerError:
                return None
            pairs = pair(watcher.units, self.units)
            if pairs is None:
                return None
            self.known[key] = {
                name: joined([part.detach() for part in pairs[id(own)]], own.shape)
                for name, own in other.named_parameters()
            }
        return dict(self.known[key])


def phases(
    forward: Callable[[Tensor], Tensor], module: nn.Module, x: Tensor, gradients: bool
) -> Iterator[tuple[str, Tensor]]:
    """Yield each phase with its result: an output, or the gradient of x."""
    with torch.no_grad():
        module.eval()
        yield EVALUATION, forward(x.clone())
    module.train()
    leaf = x.clone().requires_grad_(gradients)
    with torch.set_grad_enabled(gradients):
        output = forward(leaf * 1.0)  # a leaf may not be changed in place, what is made of it may
    yield TRAINING, output.detach()
    if gradients:
        yield GRADIENTS, _gradient(output, leaf)
    with torch.no_grad():
        module.eval()
        yield AFTERWARDS, forward(x.clone())


def _gradient(output: Tensor, leaf: Tensor) -> Tensor:
    if not output.requires_grad:
        raise AnswerError("No gradient comes back from the output: is no_grad or detach used?")
    slope = torch.linspace(-1, 1, output.numel()).reshape(output.shape)
    try:
        (found,) = torch.autograd.grad(output, leaf, slope, materialize_grads=True)
    except RuntimeError as error:
        raise AnswerError(
            f"The backward pass fails: {error} Does forward change a tensor in place, with += or "
            "inplace=True, that a gradient still needs?"
        ) from error
    return found


def enliven(part: Tensor) -> None:
    """Fill a parameter with numbers that hide no mix-up: fresh batch norms are all alike."""
    with torch.no_grad():
        if sum(size > 1 for size in part.shape) < 2 or not part.numel():
            part.normal_(0.5, 0.5)
            return
        # Millions of fresh random numbers take long; long rows of used ones do as well.
        some = torch.randn(min(part.numel(), 100_003)) * (2 / part[0].numel()) ** 0.5
        part.copy_(some.repeat(-(-part.numel() // len(some)))[: part.numel()].reshape(part.shape))


def make_alike(units: list[Unit]) -> None:
    """Give all vectors behind a layer the same numbers.

    Which of two vectors is batch norm's weight, and which its bias, nobody needs to know then.
    """
    for unit in units:
        for vector in unit.vectors[1:]:
            vector.detach().view(-1).copy_(unit.vectors[0].detach().view(-1)[: vector.numel()])


def agree(mine: Tensor, other: Tensor, tolerance: float) -> bool:
    """Return whether two tensors agree; NaN never does."""
    if mine.shape != other.shape:
        return False
    return bool((mine - other).abs().max() <= tolerance * other.abs().max())
