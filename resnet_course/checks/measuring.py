"""Checkers about what a network gets right: in all batches, and among the k best classes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn

from resnet_course.checks.exercise import exercise
from resnet_course.checks.faults import check, explained
from resnet_course.checks.guard import call
from resnet_course.checks.practice import PracticeNet, check_measured
from resnet_course.checks.questions import Answer, Case, ask, known, known_edits, numbers, simply
from resnet_course.checks.values import check_unchanged, close, copied, number
from resnet_course.train import steps

Batch = tuple[Tensor, Tensor]


class Batches(list[Batch]):
    """A list that can be given a name, under which messages show it."""

    starts = 1  # it may be walked through as often as one likes


class OnceOnly:
    """Batches as a generator gives them: once, without a length. `starts` counts the loops."""

    def __init__(self, batches: Iterable[Batch]) -> None:
        self.starts, self._rest = 0, iter(batches)

    def __iter__(self) -> Iterator[Batch]:
        self.starts += 1
        return self._rest


def labelled_batches(net: nn.Module, hits: Sequence[int], sizes: Sequence[int]) -> Batches:
    """Return batches of these sizes, random pictures with labels.

    A `PracticeNet` in evaluation mode is right so many times in each batch, at its beginning.
    """
    batches = Batches()
    for right, size in zip(hits, sizes, strict=True):
        x = torch.randn(size, 1, 4, 4) + 3 * torch.randn(size, 1, 1, 1)  # dark and bright ones
        with torch.no_grad():
            labels = net(x).argmax(dim=1)
        labels[right:] = (labels[right:] + 1) % 3
        batches.append((x, labels))
    return batches


def in_words(sizes: Sequence[int], once: bool) -> str:
    """Describe batches of these sizes, in a list, or in a generator that gives them once."""
    *first, last = map(str, sizes)
    count = f"{', '.join(first)} and {last}" if first else last
    return f"{'a generator of' if once else 'a list with'} batches of {count} pictures"


def _share(model: nn.Module, batches: Iterable[Batch]) -> float:
    h, n = [], []  # hits and pictures of each batch
    model.eval()
    with torch.no_grad():
        for x, y in batches:
            z = model(x)
            h.append(int((z.argmax(dim=1) == y).sum()))
            n.append(len(y))
    return sum(h) / sum(n)


def _topk(z: Tensor, y: Tensor, k: int) -> float:
    better = (z > z.gather(1, y[:, None])).sum(dim=1)  # how many classes are before the right one
    return int((better < k).sum()) / len(y)


EVALUATE = known_edits("evaluate", _share, "sum(h) / sum(n)")
EVALUATE += known_edits("evaluate_hits", _share, "z.argmax(dim=1) == y")
TOPK = known("topk_accuracy", "z, y, k", topk=_topk, torch=torch)


@exercise(steps.evaluate, steps.predict, steps.evaluation_mode)
def evaluate(answer: Callable[[nn.Module, Iterable[Batch]], float]) -> None:
    """Check `f(model, batches) -> float`."""
    cases = [([6, 4, 1], [6, 6, 2], False), ([2, 3, 0], [5, 3, 1], True), ([4], [4], False)]

    def where(hits: list[int], sizes: list[int], once: bool) -> str:
        return f"For {in_words(sizes, once)}, {sum(hits)} of {sum(sizes)} right"

    tell = numbers(where, "unknown_share")
    ask(answer, cases, _share, EVALUATE, tell, _run, close)


def _run(answer: Answer, hits: Sequence[int], sizes: Sequence[int], once: bool) -> float:
    """Give the model in evaluation mode with a generator, in training mode with a list."""
    model, training = PracticeNet().eval(), not once
    batches = labelled_batches(model, hits, sizes)
    before, batches_before = copied(model.train(training)), copied(batches)
    given = OnceOnly(batches) if once else batches
    given.__name__ = in_words(sizes, once)
    model.calls.clear()
    with explained("error_in_evaluate", batches=given):
        got = number(call(answer, model, given), "the accuracy")
    right = sum(hits) / sum(sizes)
    words = f"For {given.__name__}: expected {right:.6g}, got {got:.6g}."
    if not close(right, got):
        check("loops", batches=given, words=words)
    check("calls", calls=model.calls, training=False)
    check("records", calls=model.calls)
    check_measured(model, before, everything=True)
    check("left", modes={module.training for module in model.modules()}, training=training)
    check_unchanged(batches, batches_before, "the batches")
    return got


@exercise(steps.topk_accuracy)
def topk_accuracy(answer: Callable[[Tensor, Tensor, int], float]) -> None:
    """Check `f(logits, labels, k) -> float`."""
    cases: list[Case] = []
    for pictures, classes, all_k in ((5, 4, (2, 1, 4)), (12, 6, (1, 3, 5)), (3, 9, (3,))):
        logits, labels = torch.randn(pictures, classes), torch.randint(classes, (pictures,))
        cases += [(logits, labels, k) for k in all_k]
    cases += [(torch.tensor([[0.1, 0.4, 0.2]]), torch.tensor([2]), 2)]
    tell = numbers(
        lambda z, y, k: f"{len(z)} pictures, {z.shape[1]} classes, k = {k}", "unknown_share"
    )
    run = simply(lambda got: number(got, "the share of hits"), "the logits or the labels")
    ask(answer, cases, _topk, TOPK, tell, run, close)
