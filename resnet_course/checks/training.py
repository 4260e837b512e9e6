"""Checkers about the training loop: one step, and what a network gets right."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from resnet_course.checks import training_mistakes as mistakes
from resnet_course.checks.exercise import exercise
from resnet_course.checks.guard import AnswerError, call
from resnet_course.checks.practice import (
    Batch,
    OnceOnly,
    PracticeNet,
    ask_left_as_found,
    ask_used_well,
    labelled_batches,
    number,
)
from resnet_course.train import modes, steps


@exercise(
    chapter=5,
    title="One training step",
    difficulty=2,
    minutes=10,
    important=True,
    hints=(
        "Say the lines of the loop aloud: forget, compute, loss, gradients, move. The learning "
        "rate does not belong here.",
        "The model may come in evaluation mode, and with old gradients. Both must be dealt with "
        "before the gradients are computed.",
        "In this order: `train`, `zero_grad`, the loss from `F.cross_entropy`, `backward`, `step`. "
        "The loss is still a tensor then: `item` makes a number of it.",
    ),
    answers=(steps.train_step, steps.step),
)
def train_step(answer: Callable[[nn.Module, Tensor, Tensor, Optimizer], float]) -> str:
    """Check `f(model, x, y, optimizer) -> float`."""

    def watched(model: PracticeNet, x: Tensor, y: Tensor, optimizer: Optimizer) -> float:
        model.calls.clear()
        pictures, labels = x.clone(), y.clone()
        loss = number(call(answer, model, x, y, optimizer), "the loss")
        if not model.calls:
            raise AnswerError("Your function does not call the model that it is given.")
        if any(False in each.modes for each in model.calls):
            raise AnswerError(
                "The model, or a part of it, was in evaluation mode when your step used it. There "
                "batch norm uses its stored means and does not update them. Which call puts a "
                "model into training mode?"
            )
        if not (torch.equal(x, pictures) and torch.equal(y, labels)):
            raise AnswerError("Your function has changed x or y. Only the weights are to move.")
        return loss

    right = mistakes.acts(mistakes.RIGHT_STEP)
    for kind in ("SGD", "Adam"):
        model, losses, weights = mistakes.two_steps(watched, kind)
        _, right_losses, right_weights = mistakes.two_steps(right, kind)
        for i, which in enumerate((f"{kind}, first step", f"{kind}, second step")):
            if not mistakes.close(right_losses[i], losses[i]):
                raise AnswerError(
                    f"{which}: the loss before the step is {right_losses[i]:.6g}, yours is "
                    f"{losses[i]:.6g}. {mistakes.step_cause(kind, losses, weights)}"
                )
            if torch.equal(weights[i], weights[i + 1]):
                raise AnswerError(f"{which}: no weight has moved. {_why_still(model)}")
            if not mistakes.same_weights(right_weights[i + 1], weights[i + 1]):
                raise AnswerError(
                    f"{which}: the loss is right, but the weights went to the wrong place. "
                    f"{mistakes.step_cause(kind, losses, weights)}"
                )
        if len(model.calls) > 1:
            raise AnswerError(
                f"In one step the batch went through the model {len(model.calls)} times, and batch "
                "norm counted it each time. Compute the logits once."
            )
    return "With SGD and with Adam: the losses are right, and the weights go where they should."


def _why_still(model: nn.Module) -> str:
    if any(p.grad is not None and p.grad.any() for p in model.parameters()):
        return "The gradients are there: who moves the weights?"
    return (
        "When the optimiser took its step, there was no gradient: is backward() called, and are "
        "the gradients cleared before it, not after it? (A copy of the model would not count.)"
    )


@exercise(
    chapter=5,
    title="Measure a network",
    difficulty=2,
    minutes=10,
    important=True,
    hints=(
        "Which two things differ from training? The text above names both.",
        "A small batch must not count as much as a large one: count pictures, not batches.",
        "Two counters, hits and pictures, grow in one loop over the batches; one division comes "
        "at the end. All of it in evaluation mode and under `no_grad`.",
    ),
    answers=(steps.evaluate, steps.predict, modes.evaluation_mode),
)
def evaluate(answer: Callable[[nn.Module, Iterable[Batch]], float]) -> str:
    """Check `f(model, batches) -> float`."""
    for hits, sizes, training, once in (
        ([6, 4, 1], [6, 6, 2], True, False),
        ([2, 3, 0], [5, 3, 1], False, True),
        ([3], [4], True, False),
    ):
        model = PracticeNet().eval()
        batches = labelled_batches(model, hits, sizes)
        before, copies = copy.deepcopy(model.train(training)), copy.deepcopy(batches)
        given = OnceOnly(batches) if once else batches
        model.calls.clear()
        try:
            got = number(call(answer, model, given), "the accuracy")
        except AnswerError as error:
            if once and given.starts > 1:
                raise AnswerError(
                    f"{error} Your function begins {given.starts} loops over the batches, but a "
                    "generator can be walked through only once. Do everything in one loop."
                ) from None
            if f"'{type(given).__name__}'" not in str(error):
                raise
            raise AnswerError(
                f"{error} `batches` is anything that a `for` loop can walk through, no more. Count "
                "inside the loop."
            ) from None
        right = sum(hits) / sum(sizes)
        if once and given.starts > 1 and not mistakes.close(right, got):
            raise AnswerError(
                f"For {given!r}: expected {right:.6g}, got {got:.6g}. Your function begins "
                f"{given.starts} loops over them, but a generator can be walked through only once. "
                "Do everything in one loop."
            )
        ask_used_well(model)
        if not mistakes.close(right, got):
            causes = {words: [n] for words, n in mistakes.count_mistakes(hits, sizes).items()}
            why = mistakes.cause([got], causes)
            raise AnswerError(
                f"For {given!r}, {sum(hits)} of {sum(sizes)} right: expected {right:.6g}, got "
                f"{got:.6g}. {why}"
            )
        ask_left_as_found(model, before)
        pairs = zip(batches, copies, strict=True)
        if not all(torch.equal(x, a) and torch.equal(y, b) for (x, y), (a, b) in pairs):
            raise AnswerError("Your function has changed the batches. Only read them.")
    return "The share is right for batches of any size, and measuring has changed nothing."


@exercise(
    chapter=5,
    title="Top-k accuracy",
    difficulty=2,
    minutes=10,
    important=False,
    hints=(
        "For each picture, you need the places of its k largest logits, not their values.",
        "`torch.topk` returns values and indices. Along which axis do the classes lie?",
        "Compare the (batch, k) indices with the labels, given a second axis of length 1. A row "
        "with any match is a hit. Then divide the hits by the pictures.",
    ),
    answers=(steps.topk_accuracy,),
)
def topk_accuracy(answer: Callable[[Tensor, Tensor, int], float]) -> str:
    """Check `f(logits, labels, k) -> float`."""
    cases = []
    for pictures, classes, all_k in ((5, 4, (2, 1, 4)), (12, 6, (1, 3, 5)), (3, 9, (3,))):
        logits, labels = torch.randn(pictures, classes), torch.randint(classes, (pictures,))
        cases += [(logits, labels, k) for k in all_k]
    cases += [(torch.tensor([[0.1, 0.4, 0.2]]), torch.tensor([2]), 2)]

    given: list[float] = []
    stopped = None
    for logits, labels, k in cases:
        own_logits, own_labels = logits.clone(), labels.clone()
        try:
            given.append(number(call(answer, own_logits, own_labels, k), "the share of hits"))
        except AnswerError as error:  # a wrong number before it tells more
            stopped = error
            break
        if not (torch.equal(own_logits, logits) and torch.equal(own_labels, labels)):
            raise AnswerError("Your function has changed the logits or the labels. Only read them.")

    for (logits, labels, k), got in zip(cases, given, strict=False):
        right = mistakes.topk(logits, labels, k)
        if not mistakes.close(right, got):
            tables = [mistakes.topk_mistakes(*case) for case in cases[: len(given)]]
            why = mistakes.cause(given, {words: [t[words] for t in tables] for words in tables[0]})
            raise AnswerError(
                f"{len(logits)} pictures, {logits.shape[1]} classes, k = {k}: expected "
                f"{right:.6g}, got {got:.6g}. {why}"
            )
    if stopped and "must match the size" in str(stopped):
        raise AnswerError(
            f"{stopped} Each picture has k places and one label: which shape do the labels need, "
            "so that every row meets its own label?"
        )
    if stopped:
        raise stopped
    return "Your shares are right for every k, from top-1 to all classes."
