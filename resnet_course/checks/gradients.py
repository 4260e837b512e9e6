"""Checkers of chapter 01: one slope, many of them multiplied, the gradient of every layer."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_course.blocks import BasicBlock
from resnet_course.checks import answers
from resnet_course.checks.exercise import exercise
from resnet_course.checks.faults import check, explained, fault
from resnet_course.checks.guard import call
from resnet_course.checks.practice import LOSS, check_measured, small_trained_network
from resnet_course.checks.questions import Case, ask, known, known_edits, numbers, simply
from resnet_course.checks.values import check_unchanged, copied, number, plain
from resnet_course.checks.wording import some
from resnet_course.measure import gradients
from resnet_course.measure.stacks import create_stack


def _slope(z: Tensor) -> Tensor:
    # 1 − σ(z) is σ(−z), without the rounding where σ(z) is nearly 1.
    return z.sigmoid() * (-z).sigmoid()


SLOPES = known("sigmoid_slope", "z", s=torch.sigmoid, slope=_slope)
BOUNDS = known("slope_bound", "depth", exp=math.exp)


@exercise(answers.sigmoid_slope)
def sigmoid_slope(answer: Callable[[Tensor], Tensor]) -> None:
    """Check `f(z) -> tensor`, the slope at every number of a tensor of any shape."""
    cases = (
        torch.tensor([-2.0, -1.0, 0.0, 0.5, 3.0]),
        torch.linspace(-6, 7, 6, dtype=torch.float64).reshape(2, 3),
        torch.tensor(0.7, dtype=torch.float64),
        torch.tensor([[[-1000.0, -100.0], [-20.0, 20.0], [100.0, 1000.0]]]),
    )
    same = functools.partial(torch.allclose, rtol=1e-4, atol=1e-6)
    ask(answer, [(z,) for z in cases], _slope, SLOPES, _tell_slope, _run_twice, same)


def _run_twice(answer: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
    own = z.clone()
    got = call(answer, own)
    facts = {"what": "a tensor of slopes", "name": "z", "exercise": "sigmoid_slope"}
    check("tensor", got=got, like=z, **facts)
    got = got.detach().clone()
    check_unchanged(own.detach(), z, "z in place")
    again = call(answer, own).detach()
    check("again", same=torch.equal(got.nan_to_num(), again.nan_to_num()), z=own)
    return got


def _tell_slope(case: Case, right: Tensor, got: Tensor) -> tuple[str, str]:
    wrong = ~torch.isclose(right, got, rtol=1e-4, atol=1e-6)
    z, one, other = (t[wrong][0].item() for t in (*case, right, got))
    where = f"z = {z:.4g}: expected {one:.6g}, got {other:.6g}."
    return where, fault("unknown_sigmoid_slope", right=right, got=got)


@exercise(answers.slope_bound)
def slope_bound(answer: Callable[[int], float]) -> None:
    """Check `f(depth) -> float`, the largest product of `depth` slopes."""
    ask(
        answer,
        [(depth,) for depth in (1, 2, 3, 10, 30, 50)],
        answers.slope_bound,
        BOUNDS,
        numbers("depth {}".format, "unknown_slope_bound"),
        simply(lambda got: number(plain(got), "the largest product")),
        lambda one, other: math.isclose(one, other, rel_tol=1e-4),
    )


Norms = dict[str, float]
_close = functools.partial(math.isclose, rel_tol=1e-3, abs_tol=1e-6)


def _norms(model: nn.Module, x: Tensor, y: Tensor) -> Norms:
    layers = {n: m for n, m in model.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear))}
    none, norms = torch.zeros(()), {}
    olds = {n: none if m.weight.grad is None else m.weight.grad for n, m in layers.items()}
    model.zero_grad()
    z = model(x)
    loss = F.cross_entropy(z, y)
    loss.backward()
    for name, m in layers.items():
        # Mistakes take another one of these:
        w, g, old = m.weight, m.weight.grad, olds[name]  # noqa: F841
        b = none if m.bias is None else m.bias.grad  # noqa: F841
        norms[name] = float(g.norm())
    return norms


MISTAKES = [
    *known_edits("gradient_norms", _norms, "g.norm()"),
    *known_edits("gradient_norms_losses", _norms, LOSS),
    *known_edits("losses", _norms, LOSS),
    *known("gradient_norms_answers", "m, x, y", right=_norms, copy=copy.deepcopy, math=math),
]


def _cases() -> Iterator[tuple[str, nn.Module, Tensor, Tensor]]:
    """Yield a fresh network, and one with gradients of somebody else, in both modes."""
    x, y = torch.randn(8, 1, 4, 4), torch.tensor([0, 1, 2, 0, 1, 2, 0, 0])
    stack = create_stack(depth=2, width=6, in_features=16, num_classes=3, activation="tanh")
    yield "Three linear layers", stack, x, y
    for words, training in (("training", True), ("evaluation", False)):
        model = small_trained_network(BasicBlock).train(training)
        for part in model.parameters():
            part.grad = torch.randn_like(part)
        yield f"A small ResNet in {words} mode", model, torch.randn(8, 1, 6, 6), y


@exercise(gradients.gradient_norms)
def gradient_norms(answer: Callable[[nn.Module, Tensor, Tensor], dict[str, float]]) -> None:
    """Check `f(model, x, y) -> {layer: L2 norm of d(cross-entropy) / d(weight)}`."""
    ask(answer, _cases(), _norms, MISTAKES, _tell_norms, _run_norms, _same_norms)


def _same_norms(one: Norms, other: Norms) -> bool:
    return all(_close(one[name], other[name]) for name in one)


def _tell_norms(case: Case, right: Norms, got: Norms) -> tuple[str, str]:
    name = next(name for name in right if not _close(right[name], got[name]))
    where = f"{case[0]}, layer {name!r}"
    words = f"{where}: expected {right[name]:.6g}, got {got[name]:.6g}."
    return words, fault("unknown_gradient_norms")


def _run_norms(
    answer: Callable[..., Any], where: str, model: nn.Module, x: Tensor, y: Tensor
) -> Norms:
    own, own_x, own_y = copied((model, x, y))
    with explained("error_in_gradient_norms"):
        got = call(answer, own, own_x, own_y)
    check_measured(own, model, everything=False)
    check_unchanged((own_x, own_y), (x, y), "x or y")
    now, before = ([module.training for module in each.modules()] for each in (own, model))
    check("mode", now=now, before=before, training=model.training)
    return _named(got, where, own)


def _named(got: Any, where: str, model: nn.Module) -> Norms:
    """Return the learner's numbers by layer; "conv1.weight" means the layer "conv1"."""
    modules = dict(model.named_modules())
    layers = [name for name, m in modules.items() if isinstance(m, (nn.Conv2d, nn.Linear))]
    wanted = f"{where}: expected a dict with {len(layers)} layers, {some(layers)}; got"
    check("norms", got=got, wanted=wanted)
    found = {name.removesuffix(".weight"): value for name, value in got.items()}
    check("layers", wanted=wanted, layers=layers, found=found, model=model, modules=modules)
    return {name: number(plain(found[name]), f"the norm of layer {name!r}") for name in layers}
