"""Checkers about what a network gets right: in all batches, and among the k best classes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

from resnet_course.checks import questions
from resnet_course.checks.exercise import exercise
from resnet_course.checks.guard import AnswerError, call
from resnet_course.checks.practice import (
    NOT_CALLED,
    Batch,
    OnceOnly,
    PracticeNet,
    in_words,
    labelled_batches,
)
from resnet_course.checks.questions import Answer, Case, ask, known
from resnet_course.checks.values import close, number, refuse
from resnet_course.train import steps


def _measured(
    share: Callable[[Sequence[int], Sequence[int]], float] = lambda h, n: sum(h) / sum(n),
    hits: Callable[[Tensor, Tensor], Tensor] = lambda z, y: z.argmax(dim=1) == y,
) -> Answer:
    """Return an answer to `evaluate`; the right one, if nothing is said.

    It returns the share of (hits, pictures) of all batches; hits are counted of (logits, labels).
    """

    def answer(model: nn.Module, batches: Iterable[Batch]) -> float:
        model.eval()
        with torch.no_grad():
            counts = [(int(hits(model(x), y).sum()), len(y)) for x, y in batches]
        return share(*zip(*counts, strict=True))

    return answer


def _hits(z: Tensor, y: Tensor, k: int) -> int:
    return round(_topk(z, y, k) * len(y))


def _topk(z: Tensor, y: Tensor, k: int) -> float:
    better = (z > z.gather(1, y[:, None])).sum(dim=1)  # how many classes are before the right one
    return int((better < k).sum()) / len(y)


AXIS = "It goes through the pictures. Along which axis do the classes of one picture lie?"
PAIR = (
    "`max` along an axis gives a pair, values and places, and a pair equals no tensor. Compare the "
    "labels with the places: `.indices`, or argmax."
)
ONCE = "but a generator can be walked through only once. Do everything in one loop."
COUNTS = known("evaluate", "h, n")
EVALUATE = [
    *((words, _measured(share)) for words, share in COUNTS),
    (PAIR, _measured(hits=lambda z, y: z.max(dim=1) == y)),
    (f"Is there an argmax(dim=0)? {AXIS}", _measured(hits=lambda z, y: z.argmax(dim=0) == y)),
]
TOPK = known(
    "topk_accuracy",
    "z, y, k",
    topk=_topk,
    hits=_hits,
    mean=lambda hits: hits.float().mean().item(),
    torch=torch,
)


def _why(case: Case, right: float, got: float) -> str:
    if got > 1 and abs(got - 100 * right) <= 0.5:
        return "It is in percent, and rounded. A share goes from 0 to 1, and keeps its digits."
    if abs(got - right) <= 0.05 and math.isclose(got, round(got, 2)):
        return "It is rounded. Return all digits: rounding is for printing."
    return "Work out a small case by hand and compare."


@exercise(steps.evaluate, steps.predict, steps.evaluation_mode)
def evaluate(answer: Callable[[nn.Module, Iterable[Batch]], float]) -> str:
    """Check `f(model, batches) -> float`."""
    cases = [
        ([6, 4, 1], [6, 6, 2], True, False),
        ([2, 3, 0], [5, 3, 1], False, True),
        ([4], [4], True, False),
    ]

    def where(hits: list[int], sizes: list[int], _: bool, once: bool) -> str:
        return f"For {in_words(sizes, once)}, {sum(hits)} of {sum(sizes)} right"

    ask(answer, cases, _measured(), EVALUATE, questions.numbers(where, _why), _run, close)
    return "The share is right for batches of any size, and measuring has changed nothing."


def _run(
    answer: Answer, hits: Sequence[int], sizes: Sequence[int], training: bool, once: bool
) -> float:
    model = PracticeNet().eval()
    batches = labelled_batches(model, hits, sizes)
    before, batches_before = questions.copied(model.train(training)), questions.copied(batches)
    given = OnceOnly(batches) if once else batches
    model.calls.clear()
    try:
        got = number(call(answer, model, given), "the accuracy")
    except AnswerError as error:
        why = "`batches` is anything that a `for` loop can walk through, no more. Count inside it."
        if once and given.starts > 1:
            why = f"Your function begins {given.starts} loops over the batches, {ONCE}"
        elif f"'{type(given).__name__}'" not in str(error):
            raise
        raise AnswerError(f"{error} {why}") from error.__cause__
    right = sum(hits) / sum(sizes)
    refuse(
        once and given.starts > 1 and not close(right, got),
        f"For {in_words(sizes, once)}: expected {right:.6g}, got {got:.6g}. Your function begins "
        f"{getattr(given, 'starts', 1)} loops over them, {ONCE}",
    )
    refuse(not model.calls, NOT_CALLED)
    refuse(
        any(True in each.modes for each in model.calls),
        "The model, or a part of it, was in training mode when your function used it. There batch "
        "norm uses the mean of each batch, and its stored means move: measuring changes the "
        "network. Which call puts a model into evaluation mode?",
    )
    refuse(
        any(each.records for each in model.calls),
        "While the model ran, everything was recorded for backward(). Nobody needs that here, and "
        "it costs time and memory. What switches it off for some lines?",
    )
    questions.check_measured(model, before, everything=True)
    refuse(
        {module.training for module in model.modules()} not in ({False}, {training}),
        "The model came in evaluation mode, and now it is in training mode: the next picture would "
        "move the stored means of batch norm. Leave it as it came, or in evaluation mode.",
    )
    questions.check_unchanged(batches, batches_before, "the batches")
    return got


@exercise(steps.topk_accuracy)
def topk_accuracy(answer: Callable[[Tensor, Tensor, int], float]) -> str:
    """Check `f(logits, labels, k) -> float`."""
    cases: list[Case] = []
    for pictures, classes, all_k in ((5, 4, (2, 1, 4)), (12, 6, (1, 3, 5)), (3, 9, (3,))):
        logits, labels = torch.randn(pictures, classes), torch.randint(classes, (pictures,))
        cases += [(logits, labels, k) for k in all_k]
    cases += [(torch.tensor([[0.1, 0.4, 0.2]]), torch.tensor([2]), 2)]
    tell = questions.numbers(
        lambda z, y, k: f"{len(z)} pictures, {z.shape[1]} classes, k = {k}", _why
    )
    run = questions.simply(lambda got: number(got, "the share of hits"), "the logits or the labels")
    ask(answer, cases, _topk, TOPK, tell, run, close)
    return "Your shares are right for every k, from top-1 to all classes."
