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
from resnet_course.train import modes, steps


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


def _topk(z: Tensor, y: Tensor, k: int) -> float:
    better = (z > z.gather(1, y[:, None])).sum(dim=1)  # how many classes are before the right one
    return int((better < k).sum()) / len(y)


# fmt: off
AXIS = "It goes through the pictures. Along which axis do the classes of one picture lie?"
PAIR = (
    "`max` along an axis gives a pair, values and places, and a pair equals no tensor. Compare the "
    "labels with the places: `.indices`, or argmax."
)
ONCE = "but a generator can be walked through only once. Do everything in one loop."
SHARES = {  # the same in both exercises: h hits, n pictures
    "h": "It is the number of hits. The share is asked for.",
    "100 * h / n": "It is in percent. A share goes from 0 to 1.",
    "1 - h / n": "It is the share of mistakes.",
    "h // n": "It is rounded down to a whole number: is there a // or an int()?",
}
COUNTS = known("h, n", {  # lists: hits and pictures of each batch
    "sum(a / b for a, b in zip(h, n)) / len(h)":
        "It is the mean of the accuracies of the batches, so a small batch counts as much as a "
        "large one. Count pictures instead.",
    "sum(a / b for a, b in zip(h, n))":
        "It is the sum of the accuracies of the batches. Count pictures instead.",
    "h[-1] / n[-1]": "It is the accuracy of the last batch alone.",
    "h[0] / n[0]": "It is the accuracy of the first batch alone: is the `return` inside the loop?",
    "sum(h[:-1]) / max(1, sum(n[:-1]))": "The last batch is missing.",
    "sum(h) / len(h)": "Are the hits divided by the number of batches?",
    "sum(h) / (n[0] * len(n))":
        "Does every batch count as if it were as large as the first one? The last is smaller.",
    "0": f"It is always 0. {PAIR}",
    **{f"(lambda h, n: {text})(sum(h), sum(n))": words for text, words in SHARES.items()},
})
EVALUATE = [
    *((words, _measured(share)) for words, share in COUNTS),
    (PAIR, _measured(hits=lambda z, y: z.max(dim=1) == y)),
    (f"Is there an argmax(dim=0)? {AXIS}", _measured(hits=lambda z, y: z.argmax(dim=0) == y)),
]
TOPK = known("z, y, k", {
    "topk(z, y, k + 1)": "It is the share for k + 1.",
    "topk(z, y, k - 1)": "It is the share for k − 1.",
    "topk(z, y, 1)": "It is always top-1. What is k for?",
    "topk(-z, y, k)": "Are those the k smallest logits?",
    "topk(z, y, k) - topk(z, y, k - 1)":
        "Only the class in place k counts here. Any of the first k places will do.",
    "topk(z, y, k) / k":
        "Was the mean taken over all k comparisons of a picture? One hit among them is enough.",
    "topk(z, y, k) * len(y) / z.shape[1]": "Are the hits divided by the number of classes?",
    "mean((z.argsort(dim=0, descending=True)[:, :k] == y[:, None]).any(dim=1))":
        f"The logits of different pictures were compared with each other. {AXIS}",
    "0.0": "It is always 0. Do you compare labels with logits, not with their places?",
    "float(topk(z, y, k) > 0)": "Is there an any() without an axis? It asks about all pictures.",
    "(topk(z, y, k) > 0) / len(y)":
        "Is there an any() without an axis? It asks about all pictures.",
    "mean(torch.isin(y, z.topk(k).indices))":
        "Is each label looked for among the places of all pictures? Only those of its own count.",
    "topk(z[:1], y[:1], k)":
        "That is the first picture alone: is the `return` inside the loop? Work out a small case "
        "by hand.",
    "topk(z[:1], y[:1], k) / len(y)":
        "That is the first picture alone, divided by all: is the `return` inside the loop?",
    "z.topk(k).indices == y":
        "Each picture has k places and one label: which shape do the labels need, so that every "
        "row meets its own label?",
    "z.topk(k, dim=0).indices == y[:, None]":
        f"Is there a topk(dim=0)? {AXIS} Only then is there a row of places for each picture, as "
        "the labels need.",
    "z.topk(k, dim=0).indices == y": f"Is there a topk(dim=0)? {AXIS}",
    "z.argmax(dim=0) == y": f"Is there an argmax(dim=0)? {AXIS}",
    "(z.max(dim=1) == y).sum()": PAIR,
    **{
        f"(lambda h, n: {text})(round(topk(z, y, k) * len(y)), len(y))": words
        for text, words in SHARES.items()
    },
}, topk=_topk, mean=lambda hits: hits.float().mean().item(), torch=torch)
# fmt: on


def _why(case: Case, right: float, got: float) -> str:
    if got > 1 and abs(got - 100 * right) <= 0.5:
        return "It is in percent, and rounded. A share goes from 0 to 1, and keeps its digits."
    if abs(got - right) <= 0.05 and math.isclose(got, round(got, 2)):
        return "It is rounded. Return all digits: rounding is for printing."
    return "Work out a small case by hand and compare."


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
