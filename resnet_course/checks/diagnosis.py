"""Compare a learner's block with the right one, and find the mistake by trying the usual ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import torch
from torch import Tensor, nn

from resnet_course.checks.compare import AFTERWARDS, Subject, count
from resnet_course.checks.faults import fault
from resnet_course.checks.flow import Unit, failure, watch
from resnet_course.checks.guard import AnswerError
from resnet_course.checks.modules import build
from resnet_course.checks.variants import ARGUMENTS, Right, Suspect, compiled
from resnet_course.tracing import trace
from resnet_course.tracing.rows import by

PAIRS = 300  # of mistakes that are tried: looking for two at once is a bonus


def check_block(
    answer: Callable[..., nn.Module],
    arguments: tuple[int, ...],
    right: Right,
    size: tuple[int, int] = (14, 10),
) -> None:
    """Compare one block of the learner's with the right one, and name the mistake.

    Args:
        answer: the learner's class.
        arguments: for it, by position.
        right: what it should be.
        size: height and width of the input.

    Raises:
        AnswerError: the block is not the same function.
    """
    x = 1.5 * torch.randn(3, arguments[0], *size) + 0.3
    head = ", ".join(f"{n}={value}" for n, value in zip(ARGUMENTS, arguments, strict=False))
    head += f", input {by(x.shape[1:])}:"
    module = None
    try:
        module = build(answer, *arguments)
        subject = Subject(module, x)
    except AnswerError as wrong:
        # Without a cause the checker itself has said what is wrong.
        why = _why(wrong, module, x, right.suspects(arguments)) if wrong.__cause__ else ""
        raise AnswerError(f"{head} {wrong} {why}".rstrip()) from wrong
    reference = compiled(right.text)(*arguments)
    differ = subject.difference(reference)
    if differ == "":
        return
    expected, watcher = watch(reference, x.clone())
    counts = {"want": count(reference), "have": count(module)}
    where = fault(
        "block_differs", output=subject.output, expected=expected, differ=differ, **counts
    )
    cause = _diagnosis(subject, counts["want"], right, arguments) or fault(
        "unknown_mistake",
        late=differ == AFTERWARDS,
        want=_weights(watcher.units),
        have=_weights(subject.units),
    )
    raise AnswerError(f"{head} {where} {cause}")


def _weights(units: Sequence[Unit]) -> list[str]:
    return [by(weight.shape) for unit in units for weight in unit.weights]


def _diagnosis(subject: Subject, want: int, right: Right, arguments: Sequence[int]) -> str:
    """Name the mistake, or the two mistakes, with which a block computes the same."""
    suspects = [suspect for suspect in right.suspects(arguments) if suspect.block]
    have, sizes = count(subject.module), [count(suspect.block) for suspect in suspects]
    for suspect, size in zip(suspects, sizes, strict=True):
        if size == have and subject.difference(suspect.block) == "":
            return suspect.message
    # What one mistake adds to the parameters, and what the other does, must be what there is.
    places = [
        (i, j) for i, j in combinations(range(len(sizes)), 2) if sizes[i] + sizes[j] - want == have
    ]
    for i, j in sorted(places, key=sum)[:PAIRS]:
        one, other = suspects[i], suspects[j]
        both = right.suspect("", one.edits + other.edits, arguments)
        if both.block and subject.difference(both.block) == "":
            return f"Two things. (1) {one.message} (2) {other.message}"
    return ""


def _why(wrong: AnswerError, module: nn.Module | None, x: Tensor, suspects: list[Suspect]) -> str:
    """Explain an error in the learner's code by a mistake that leads to the same error."""
    if module is None:  # it could not even be made
        reason = str(wrong.__cause__)
        return next((suspect.message for suspect in suspects if suspect.refusal == reason), "")
    trail = failure(module, x.clone())
    close = ""
    for suspect in suspects:
        same = failure(suspect.block, x.clone()) if suspect.block else []
        if same and same == trail:
            return suspect.message
        if same and trail and same[-1] == trail[-1] and not close:
            close = suspect.message
    return close or in_other_words(module, x)


def in_other_words(module: nn.Module, x: Tensor) -> str:
    """Let the tracer say what it can about a forward pass that fails."""
    try:
        trace(module, x)
    except Exception as explained:  # this is only a bonus
        says, *more = str(explained).split(" PyTorch says:")
        return f"In other words: {says}" if more else ""  # else it only repeats the error
    return ""
