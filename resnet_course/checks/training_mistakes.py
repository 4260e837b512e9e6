"""What typical mistakes in a training loop would return, to recognise them by their numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import SGD, Adam, Optimizer

from resnet_course.checks.practice import PracticeNet


def close(one: float, other: float) -> bool:
    """Return whether two numbers are equal but for the rounding of 32 bits."""
    return abs(one - other) <= 1e-5 * max(1.0, abs(one))


def cause(given: Sequence[float], mistakes: dict[str, Sequence[float]]) -> str:
    """Return the words for the mistake that gives the same numbers in all cases."""
    for words, results in mistakes.items():
        if all(map(close, results, given)):
            return words
    return "Work out a small case by hand and compare."


def topk(logits: Tensor, labels: Tensor, k: int) -> float:
    """Return top-k accuracy by counting the classes with a larger logit than the right one."""
    return _share(_rank(logits, labels) < k)


def topk_mistakes(logits: Tensor, labels: Tensor, k: int) -> dict[str, float]:
    """Return words → what this mistake makes of top-k accuracy."""
    classes = logits.shape[1]
    rank = _rank(logits, labels)  # 0 where the right class has the largest logit
    right = _share(rank < k)
    other_axis = logits.argsort(dim=0, descending=True)[:, :k] == labels[:, None]
    return {
        "It is the share for k + 1.": _share(rank <= k),
        "It is the share for k − 1.": _share(rank < k - 1),
        "It is always top-1. What is k for?": _share(rank < 1),
        "Are those the k smallest logits?": _share(rank >= classes - k),
        "Only the class in place k counts here. Any of the first k places will do.": _share(
            rank == k - 1
        ),
        "It is the number of hits. The share is asked for.": right * len(labels),
        "It is in percent. A share goes from 0 to 1.": right * 100,
        "It is the share of mistakes.": 1 - right,
        "Was the mean taken over all k comparisons of a picture? One hit among them is enough.": (
            right / k
        ),
        "Are the hits divided by the number of classes?": right * len(labels) / classes,
        "The logits of different pictures were compared with each other. Along which axis do the "
        "classes of one picture lie?": _share(other_axis.any(dim=1)),
        "It is always 0. Do you compare labels with logits, not with their places?": 0.0,
        "It is rounded down to a whole number: is there a // or an int()?": float(right == 1),
    }


def _rank(logits: Tensor, labels: Tensor) -> Tensor:
    return (logits > logits.gather(1, labels[:, None])).sum(dim=1)


def _share(hits: Tensor) -> float:
    return int(hits.sum()) / len(hits)


def count_mistakes(hits: Sequence[int], sizes: Sequence[int]) -> dict[str, float]:
    """Return words → what this mistake makes of the accuracy over batches.

    Args:
        hits: right answers in each batch.
        sizes: pictures in each batch.
    """
    right, shares = sum(hits) / sum(sizes), [h / n for h, n in zip(hits, sizes, strict=True)]
    return {
        "It is the mean of the accuracies of the batches, so a small batch counts as much as a "
        "large one. Count pictures instead.": sum(shares) / len(shares),
        "It is the sum of the accuracies of the batches. Count pictures instead.": sum(shares),
        "It is the number of hits. The share is asked for.": sum(hits),
        "It is in percent. A share goes from 0 to 1.": right * 100,
        "It is the share of mistakes.": 1 - right,
        "It is the accuracy of the last batch alone.": shares[-1],
        "It is the accuracy of the first batch alone: is the `return` inside the loop?": shares[0],
        "The last batch is missing.": sum(hits[:-1]) / max(1, sum(sizes[:-1])),
        "Are the hits divided by the number of batches?": sum(hits) / len(hits),
        "Does every batch count as if it were as large as the first one? The last is smaller.": (
            sum(hits) / (sizes[0] * len(sizes))
        ),
    }


# (model, x, y, optimizer) → loss
Step = Callable[[PracticeNet, Tensor, Tensor, Optimizer], float]


def acts(order: str, loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy) -> Step:
    """Return a training step that does these acts in this order.

    Args:
        order: words among "zero", "forward", "backward", "step" and "plain", a step of gradient
            descent without the optimiser.
        loss: of logits and labels.
    """

    def step(model: PracticeNet, x: Tensor, y: Tensor, optimizer: Optimizer) -> float:
        model.train()
        value = torch.zeros(())
        for act in order.split():
            if act == "zero":
                optimizer.zero_grad()
            elif act == "forward":
                value = loss(model(x), y)
            elif act == "backward":
                value.backward()
            elif act == "step":
                optimizer.step()
            elif act == "plain":
                SGD(model.parameters(), optimizer.param_groups[0]["lr"]).step()
        return value.item()

    return step


RIGHT_STEP = "zero forward backward step"
STEP_MISTAKES = {
    "It is the loss after the step: compute it once, before the weights move.": acts(
        f"{RIGHT_STEP} forward"
    ),
    "Gradients add up: those of earlier steps are still in yours. Which call clears them?": acts(
        "forward backward step"
    ),
    "Gradients that somebody left behind before your first step are still in it. Clear them before "
    "backward(), not after the step.": acts("forward backward step zero"),
    "The weights moved with old gradients. Which call computes new ones?": acts("forward step"),
    "The optimiser took two steps.": acts(f"{RIGHT_STEP} step"),
    "It is a step of plain gradient descent. Is the optimiser that your function is given the one "
    "that takes the step?": acts("zero forward backward plain"),
    "It is the sum over the batch. Expected is the mean.": acts(
        RIGHT_STEP, lambda z, y: F.cross_entropy(z, y, reduction="sum")
    ),
    "Is there a softmax before the cross-entropy? `cross_entropy` takes logits.": acts(
        RIGHT_STEP, lambda z, y: F.cross_entropy(z.softmax(dim=1), y)
    ),
    "`nll_loss` takes logarithms of probabilities. Which function takes logits?": acts(
        RIGHT_STEP, F.nll_loss
    ),
    "The sign is wrong, so the weights climb.": acts(
        RIGHT_STEP, lambda z, y: -F.cross_entropy(z, y)
    ),
}


def two_steps(step: Step, kind: str) -> tuple[PracticeNet, list[float], list[Tensor]]:
    """Take two training steps on fixed batches.

    Args:
        step: one training step.
        kind: of optimiser, "SGD" (with momentum) or "Adam".

    Returns:
        the net afterwards; the loss of each step; all weights before, between and after the steps.
    """
    model = PracticeNet().eval()  # as somebody leaves it who has just measured,
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)  # with gradients of somebody else
    if kind == "SGD":
        optimizer: Optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    else:
        optimizer = Adam(model.parameters(), lr=0.01)
    optimizer.__name__ = kind  # for messages: its repr is long
    losses, weights = [], [_flat(model)]
    for seed in (1, 2):
        torch.manual_seed(seed)
        x, y = torch.randn(8, 1, 4, 4), torch.randint(3, (8,))
        losses.append(step(model, x, y, optimizer))
        weights.append(_flat(model))
    return model, losses, weights


def _flat(model: PracticeNet) -> Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def same_weights(one: Tensor, other: Tensor) -> bool:
    """Return whether weights are equal but for rounding; a step changes them far more."""
    return torch.allclose(one, other, rtol=1e-3, atol=1e-5)


def step_cause(kind: str, losses: Sequence[float], weights: Sequence[Tensor]) -> str:
    """Return the words for the mistake with the same losses, and if possible the same weights.

    Args:
        kind: of optimiser.
        losses: of the learner's two steps.
        weights: before, between and after them.
    """
    _, right, _ = two_steps(acts(RIGHT_STEP), kind)
    similar: list[str] = []
    for words, mistake in STEP_MISTAKES.items():
        _, other_losses, other_weights = two_steps(mistake, kind)
        if all(map(close, other_losses, losses)):
            if all(map(same_weights, other_weights, weights)):
                return words
            similar.insert(0, words)
        elif close(other_losses[0], losses[0]) and not close(right[0], losses[0]):
            similar.append(words)
    return (similar or ["Compare your lines with those of this chapter's loop, one by one."])[0]
