"""The checker about the gradient of every layer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from resnet_course.blocks import BasicBlock
from resnet_course.checks.exercise import exercise
from resnet_course.checks.freezing import small_trained_network, some
from resnet_course.checks.gradient_mistakes import MISTAKES, Norms, copied, norms_of
from resnet_course.checks.guard import AnswerError, call
from resnet_course.checks.practice import number
from resnet_course.checks.values import described, plain, recognise
from resnet_course.measure import gradients
from resnet_course.measure.stacks import create_stack

Case = tuple[str, nn.Module, Tensor, Tensor]  # in words, the network, a batch, its labels
UNKNOWN = "Take the smallest layer, look at its gradient, and work out its length by hand."


def _cases() -> Iterator[Case]:
    """Yield a fresh network, and one with gradients of somebody else, in both modes."""
    x, y = torch.randn(8, 1, 4, 4), torch.tensor([0, 1, 2, 0, 1, 2, 0, 0])
    stack = create_stack(depth=2, width=6, in_features=16, num_classes=3, activation="tanh")
    yield "Three linear layers", stack, x, y
    for words, training in (("training", True), ("evaluation", False)):
        model = small_trained_network(BasicBlock).train(training)
        for part in model.parameters():
            part.grad = torch.randn_like(part)
        yield f"A small ResNet in {words} mode", model, torch.randn(8, 1, 6, 6), y


@exercise(
    chapter=1,
    title="Measure the gradient of every layer",
    difficulty=3,
    minutes=20,
    important=False,
    hints=(
        "Four steps: logits, loss, gradients, one norm per layer. Which of them does PyTorch do "
        "for you, and where does it put the gradients?",
        "`backward()` adds to what lies in `.grad` already. And which modules have a weight, but "
        "are neither a convolution nor a linear layer?",
        "Clear the gradients, go backward from the mean cross-entropy, then walk through "
        "`named_modules()`. Of each `nn.Conv2d` and `nn.Linear` take the gradient of the weight: "
        "its norm is the root of the sum of all squares.",
    ),
    answers=(gradients.gradient_norms,),
)
def gradient_norms(answer: Callable[[nn.Module, Tensor, Tensor], dict[str, float]]) -> str:
    """Check `f(model, x, y) -> {layer: L2 norm of d(cross-entropy) / d(weight)}`."""
    cases = list(_cases())
    given = [_ask(answer, *case) for case in cases]
    for (where, *case), got in zip(cases, given, strict=True):
        for name, right in norms_of(*case).items():
            if not _close(right, got[name]):
                known = {w: [f(*case) for _, *case in cases] for w, f in MISTAKES.items()}
                raise AnswerError(
                    f"{where}, layer {name!r}: expected {right:.6g}, got {got[name]:.6g}. "
                    f"{recognise(given, known, _same, UNKNOWN)}"
                )
    return "Your norms are right for every layer, whatever gradients were there before."


def _close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-3, abs_tol=1e-6)


def _same(one: list[Norms], other: list[Norms]) -> bool:
    return all(_close(a[n], b[n]) for a, b in zip(one, other, strict=True) for n in a)


def _ask(answer: Callable[..., Any], where: str, model: nn.Module, x: Tensor, y: Tensor) -> Norms:
    """Return the learner's norms, by the names of the layers, if nothing else is wrong."""
    own, own_x, own_y = copied(model), x.clone(), y.clone()
    got = call(answer, own, own_x, own_y)
    if not torch.is_grad_enabled():
        raise AnswerError(
            "After your function, gradients are off for everybody, and no network could be trained "
            "any more. They are needed here."
        )
    if not (torch.equal(own_x, x) and torch.equal(own_y, y)):
        raise AnswerError("Your function has changed x or y. Only read them.")
    _ask_model(own, model)
    return _named(got, where, model)


def _ask_model(own: nn.Module, model: nn.Module) -> None:
    """Ask that the weights and the mode are what they were; batch norm may count the batch."""
    pairs = list(zip(own.named_parameters(), model.parameters(), strict=True))
    if moved := [name for (name, p), old in pairs if not torch.equal(p, old)]:
        raise AnswerError(
            f"Your function has changed the weights of the model: {some(moved)}. It is to measure; "
            "no step is taken."
        )
    if frozen := [name for (name, p), old in pairs if p.requires_grad != old.requires_grad]:
        raise AnswerError(f"Your function has changed requires_grad of {some(frozen)}.")
    if [m.training for m in own.modules()] != [m.training for m in model.modules()]:
        raise AnswerError(
            f"The model came in {'training' if model.training else 'evaluation'} mode, and your "
            "function has switched it, or a part of it. Measure it in the mode in which it comes."
        )


def _named(got: Any, where: str, model: nn.Module) -> Norms:
    """Return the learner's numbers by layer; "conv1.weight" means the layer "conv1"."""
    modules = dict(model.named_modules())
    layers = [n for n, m in modules.items() if isinstance(m, (nn.Conv2d, nn.Linear))]
    wanted = f"{where}: expected a dict with {len(layers)} layers, {some(layers)}"
    if got is None:
        raise AnswerError(f"{wanted}; got None. Does your function end with `return`?")
    if not isinstance(got, Mapping):
        raise AnswerError(f"{wanted}; got {described(got)}.")
    if odd := [name for name in got if not isinstance(name, str)]:
        raise AnswerError(f"{wanted}; got {described(odd[0])} as a name. A name is a str.")
    norms = {name.removesuffix(".weight"): value for name, value in got.items()}
    if missing := [name for name in layers if name not in norms]:
        kinds = {type(modules[name]) for name in missing}
        why = f"Missing: {some(missing)}."
        if len(kinds) == 1 and not any(type(modules.get(name)) in kinds for name in norms):
            why += f" Do you collect {kinds.pop().__name__} layers too, also inside other modules?"
        elif not any("." in name for name in norms):
            why += " Do you look inside the parts of the model, and use the whole path as a name?"
        raise AnswerError(f"{wanted}; got {some(list(norms)) or 'an empty one'}. {why}")
    if extra := [name for name in norms if name not in layers]:
        why = "Only the layers that are asked for belong in it."
        if any(name.endswith(".bias") for name in extra):
            why = "A bias has a gradient too, but only the weights are asked for."
        elif all(isinstance(modules.get(name), _BatchNorm) for name in extra):
            why = "Batch norm has a weight too, but is neither a convolution nor a linear layer."
        raise AnswerError(f"{wanted}; got {some(extra)} as well. {why}")
    return {name: number(plain(norms[name]), f"the norm of layer {name!r}") for name in layers}
