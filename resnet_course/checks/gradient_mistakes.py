"""What typical mistakes would measure in place of gradient norms, to recognise them."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Norms = dict[str, float]
Loss = Callable[[Tensor, Tensor], Tensor]


def copied(model: nn.Module) -> nn.Module:
    """Copy a model together with the gradients in it, which a deep copy leaves out."""
    own = copy.deepcopy(model)
    for mine, theirs in zip(own.parameters(), model.parameters(), strict=True):
        mine.grad = None if theirs.grad is None else theirs.grad.clone()
    return own


@dataclass(frozen=True)
class Pull:
    """What the loss does to one layer.

    Attributes:
        weight: of the layer.
        gradient: of the weight.
        bias: the gradient of the bias, empty if the layer has none.
        before: the gradient that was stored in the weight, 0 if there was none.
    """

    weight: Tensor
    gradient: Tensor
    bias: Tensor
    before: Tensor


def pulls(
    model: nn.Module, x: Tensor, y: Tensor, loss: Loss = F.cross_entropy, mode: bool | None = None
) -> dict[str, Pull]:
    """Return layer name → pull, for every convolution and linear layer; the model stays as it is.

    Args:
        model: a classifier.
        x: a batch.
        y: its labels.
        loss: of logits and labels.
        mode: training (True), evaluation (False), or as the model comes (None).
    """
    own = copied(model)
    if mode is not None:
        own.train(mode)
    layers = {n: m for n, m in own.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear))}
    before = {n: m.weight.grad for n, m in layers.items()}
    own.zero_grad(set_to_none=True)
    loss(own(x), y).backward()
    none = torch.zeros(())
    return {
        n: Pull(
            weight=m.weight.detach(),
            gradient=m.weight.grad,
            bias=none if m.bias is None else m.bias.grad,
            before=none if before[n] is None else before[n],
        )
        for n, m in layers.items()
    }


def norms_of(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    size: Callable[[Pull], Tensor] = lambda pull: pull.gradient.norm(),
    loss: Loss = F.cross_entropy,
    mode: bool | None = None,
) -> Norms:
    """Return layer name → size of its pull: the right one, if nothing is said."""
    return {name: float(size(pull)) for name, pull in pulls(model, x, y, loss, mode).items()}


def _sum_loss(logits: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(logits, labels, reduction="sum")


def total(model: nn.Module, x: Tensor, y: Tensor) -> Norms:
    """Return the length of all gradients together, for each layer."""
    norms = norms_of(model, x, y)
    return dict.fromkeys(norms, math.hypot(*norms.values()))


def only(size: Callable[[Pull], Tensor]) -> Callable[[nn.Module, Tensor, Tensor], Norms]:
    """Return a measurement in which nothing but the size is wrong."""
    return lambda model, x, y: norms_of(model, x, y, size)


def under(
    loss: Loss = F.cross_entropy, mode: bool | None = None
) -> Callable[[nn.Module, Tensor, Tensor], Norms]:
    """Return a measurement with another loss, or in another mode."""
    return lambda model, x, y: norms_of(model, x, y, loss=loss, mode=mode)


MISTAKES: dict[str, Callable[[nn.Module, Tensor, Tensor], Norms]] = {
    "That is the sum of the entries. They have both signs, and cancel.": only(
        lambda pull: pull.gradient.sum()
    ),
    "That is the size of the sum of the entries. They have both signs, and cancel.": only(
        lambda pull: pull.gradient.sum().abs()
    ),
    "That is the mean of the entries. They have both signs, and cancel.": only(
        lambda pull: pull.gradient.mean()
    ),
    "That is the mean of the absolute values. A norm has squares, a sum and a root.": only(
        lambda pull: pull.gradient.abs().mean()
    ),
    "That is the sum of the absolute values, the L1 norm. The L2 norm has squares and a root.": (
        only(lambda pull: pull.gradient.abs().sum())
    ),
    "That is the largest absolute value.": only(lambda pull: pull.gradient.abs().max()),
    "That is the largest entry.": only(lambda pull: pull.gradient.max()),
    "That is the square of the norm: take the root.": only(lambda pull: pull.gradient.norm() ** 2),
    "That is the root of the *mean* of the squares. The norm has their sum.": only(
        lambda pull: pull.gradient.square().mean().sqrt()
    ),
    "That is a standard deviation.": only(lambda pull: pull.gradient.std()),
    "That is the norm of the weights. Their gradient is asked for.": only(
        lambda pull: pull.weight.norm()
    ),
    "That is relative to the norm of the weights.": only(
        lambda pull: pull.gradient.norm() / pull.weight.norm()
    ),
    "The gradients of weight and bias are taken together. Only the weight is asked for.": only(
        lambda pull: torch.hypot(pull.gradient.norm(), pull.bias.norm())
    ),
    "That is the gradient of the bias.": only(lambda pull: pull.bias.norm()),
    "Gradients add up: what was in `.grad` before your function is still in it.": only(
        lambda pull: (pull.gradient + pull.before).norm()
    ),
    "That is the gradient that was there before your function. Which call computes a new one?": (
        only(lambda pull: pull.before.norm())
    ),
    "It is 0: are the gradients cleared after they are computed?": only(
        lambda pull: torch.zeros(())
    ),
    "It is the gradient of the sum over the batch. Expected is the mean.": under(_sum_loss),
    "Is there a softmax before the cross-entropy? `cross_entropy` takes logits.": under(
        lambda z, y: F.cross_entropy(z.softmax(dim=1), y)
    ),
    "`nll_loss` takes logarithms of probabilities. Which function takes logits?": under(F.nll_loss),
    "That is the gradient of the logits. Expected is that of the loss, which knows the labels.": (
        under(lambda z, y: z.sum())
    ),
    "That is the gradient of the mean of the logits. Expected is that of the loss.": under(
        lambda z, y: z.mean()
    ),
    "The loss is another one: is it the mean of squares?": under(
        lambda z, y: F.mse_loss(z, F.one_hot(y, z.shape[1]).float())
    ),
    "The model was switched to evaluation mode. Measure it in the mode in which it comes.": under(
        mode=False
    ),
    "The model was switched to training mode. Measure it in the mode in which it comes.": under(
        mode=True
    ),
    "That is the length of all gradients together. Each layer has its own.": total,
}
