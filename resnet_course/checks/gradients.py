"""The checker about the gradient of every layer."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from resnet_course.blocks import BasicBlock
from resnet_course.checks import questions
from resnet_course.checks.exercise import exercise
from resnet_course.checks.guard import AnswerError, call
from resnet_course.checks.practice import LOSSES, small_trained_network
from resnet_course.checks.questions import Answer, Case, ask, known
from resnet_course.checks.texts import messages
from resnet_course.checks.values import described, number, plain, refuse, some
from resnet_course.measure import gradients
from resnet_course.measure.stacks import create_stack

Norms = dict[str, float]
SAY = messages("gradient_norms")
_close = functools.partial(math.isclose, rel_tol=1e-3, abs_tol=1e-6)


def _norms(
    size: Callable[..., Tensor] = lambda g, w, b, old: g.norm(),
    loss: Callable[..., Tensor] = lambda z, y, x: F.cross_entropy(z, y),
) -> Answer:
    """Return an answer, (model, x, y) → {layer: size}; the right one, if nothing is said.

    A size is one of (gradient of the weight, weight, gradient of the bias, gradient of the weight
    from before), a loss one of (logits, labels, batch).
    """

    def grad(p: nn.Parameter | None) -> Tensor:
        return torch.zeros(()) if p is None or p.grad is None else p.grad.clone()

    def answer(model: nn.Module, x: Tensor, y: Tensor) -> Norms:
        layers = _layers(model)
        before = {n: grad(m.weight) for n, m in layers.items()}
        model.zero_grad()
        loss(model(x), y, x).backward()
        return {
            n: float(size(grad(m.weight), m.weight.detach(), grad(m.bias), before[n]))
            for n, m in layers.items()
        }

    return answer


def _layers(model: nn.Module) -> dict[str, nn.Module]:
    return {n: m for n, m in model.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear))}


OTHER_LOSSES = known("gradient_norms_losses", "z, y, x", F=F)
MISTAKES = [
    *((words, _norms(size)) for words, size in known("gradient_norms", "g, w, b, old")),
    *((words, _norms(loss=loss)) for words, loss in OTHER_LOSSES + LOSSES),
    *known("gradient_norms_answers", "m, x, y", right=_norms(), copy=copy.deepcopy, math=math),
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
def gradient_norms(answer: Callable[[nn.Module, Tensor, Tensor], dict[str, float]]) -> str:
    """Check `f(model, x, y) -> {layer: L2 norm of d(cross-entropy) / d(weight)}`."""
    ask(answer, _cases(), _norms(), MISTAKES, _tell, _run, _same)
    return "Your norms are right for every layer, whatever gradients were there before."


def _same(one: Norms, other: Norms) -> bool:
    return all(_close(one[name], other[name]) for name in one)


def _tell(case: Case, right: Norms, got: Norms) -> tuple[str, str]:
    name = next(name for name in right if not _close(right[name], got[name]))
    where = f"{case[0]}, layer {name!r}"
    return f"{where}: expected {right[name]:.6g}, got {got[name]:.6g}.", SAY.unknown


def _run(answer: Callable[..., Any], where: str, model: nn.Module, x: Tensor, y: Tensor) -> Norms:
    own, own_x, own_y = questions.copied((model, x, y))
    try:
        got = call(answer, own, own_x, own_y)
    except AnswerError as error:
        refuse("NoneType" in str(error), f"{error} {SAY.no_gradient}", error.__cause__)
        raise
    questions.check_measured(own, model, everything=False)
    questions.check_unchanged((own_x, own_y), (x, y), "x or y")
    modes = [[module.training for module in each.modules()] for each in (own, model)]
    mode = "training" if model.training else "evaluation"
    refuse(modes[0] != modes[1], SAY.mode.format(mode=mode))
    return _named(got, where, own)


def _named(got: Any, where: str, model: nn.Module) -> Norms:
    """Return the learner's numbers by layer; "conv1.weight" means the layer "conv1"."""
    modules, layers = dict(model.named_modules()), list(_layers(model))
    wanted = f"{where}: expected a dict with {len(layers)} layers, {some(layers)}; got"
    refuse(got is None, f"{wanted} None. Does your function end with `return`?")
    refuse(not isinstance(got, Mapping), f"{wanted} {described(got)}.")
    for name in got:
        words = f"{wanted} {described(name)} as a name. A name is a str."
        refuse(not isinstance(name, str), words)
    found = {name.removesuffix(".weight"): value for name, value in got.items()}
    if missing := [name for name in layers if name not in found]:
        kinds = {type(modules[name]) for name in missing}
        why = ""
        if not found and all(p.grad is None for p in model.parameters()):
            why = SAY.no_gradient
        elif len(kinds) == 1 and not any(type(modules.get(name)) in kinds for name in found):
            why = SAY.kind.format(kind=kinds.pop().__name__)
        elif not any("." in name for name in found):
            why = SAY.path
        words = f"{wanted} {some(found) or 'an empty one'}. Missing: {some(missing)}. {why}"
        raise AnswerError(words.rstrip())
    if extra := [name for name in found if name not in layers]:
        why = SAY.extra
        if any(name.endswith(".bias") for name in extra):
            why = SAY.bias
        elif all(isinstance(modules.get(name), _BatchNorm) for name in extra):
            why = SAY.norm
        raise AnswerError(f"{wanted} {some(extra)} as well. {why}")
    return {name: number(plain(found[name]), f"the norm of layer {name!r}") for name in layers}
