"""Compare a learner's block with the right one, and find the mistake by trying the usual ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from resnet_course.checks.compare import AFTERWARDS, Subject
from resnet_course.checks.flow import failure, watch
from resnet_course.checks.guard import AnswerError
from resnet_course.checks.mistakes import mistakes
from resnet_course.checks.modules import build, sizes
from resnet_course.checks.variants import Plan, Variant, parameters
from resnet_course.tracing import TraceError, trace
from resnet_course.tracing.rows import by

NAMES = ("in_channels", "channels", "stride", "groups", "base_width")


class Patience:
    """Looking for a mistake is a bonus: it ends after a while, on a busy computer too."""

    def __init__(self, seconds: float) -> None:
        self.work = time.thread_time() + seconds
        self.end = time.monotonic() + 1.8

    def is_over(self) -> bool:
        """Say whether enough has been tried."""
        return time.thread_time() > self.work or time.monotonic() > self.end


def check_block(
    answer: Callable[..., nn.Module],
    arguments: tuple[int, ...],
    reference: nn.Module,
    plan: Plan,
    special: Iterable[tuple[str, Plan]] = (),
    size: tuple[int, int] = (14, 10),
) -> None:
    """Compare one block of the learner's with the reference, and name the mistake.

    Args:
        answer: the learner's class.
        arguments: for it, by position.
        reference: the right block.
        plan: the right block as a plan, from which the usual mistakes are made.
        special: mistakes that only this kind of block can have.
        size: height and width of the input.

    Raises:
        AnswerError: the block is not the same function.
    """
    x = 1.5 * torch.randn(3, arguments[0], *size) + 0.3
    named = zip(NAMES, arguments, strict=False)
    head = ", ".join(f"{name}={value}" for name, value in named) + f", input {sizes(x.shape)}: "
    suspects = [*special, *mistakes(plan)]
    module = None
    try:
        module = build(answer, *arguments)
        subject = Subject(module, x)
    except AnswerError as wrong:
        raise AnswerError(f"{head}{wrong} {_why(wrong, module, x, suspects)}".rstrip()) from wrong
    differ = subject.difference(reference)
    if differ == "":
        return
    expected = reference(x)
    want, have = (sum(p.numel() for p in m.parameters()) for m in (reference, module))
    if subject.output.shape != expected.shape:
        head += f"expected {sizes(expected.shape)}, got {sizes(subject.output.shape)}. "
    elif want != have:
        head += f"expected {want:,} parameters, got {have:,}. "
    else:
        where = differ or "in its layers"
        head += f"shape and number of parameters are right, but the block differs {where}. "
    cause = _diagnosis(subject, have, suspects)
    if not cause and differ == AFTERWARDS:
        cause = (
            "A step in training mode should move batch norm's running mean and variance, by its "
            "usual momentum of 0.1."
        )
    raise AnswerError(head + (cause or _layers(reference, subject)))


def _diagnosis(subject: Subject, count: int, suspects: list[tuple[str, Plan]]) -> str:
    """Name the mistake, or the two mistakes, with which a block computes the same."""
    for message, plan in suspects:
        if _same(subject, count, plan):
            return message
    patience = Patience(0.8)
    for first, plan in suspects:
        for second, both in mistakes(plan):
            if patience.is_over():
                return ""
            if _same(subject, count, both):
                return f"Two things. (1) {first} (2) {second}" if first != second else first
    return ""


def _same(subject: Subject, count: int, plan: Plan) -> bool:
    fits = parameters(plan) == count and not _refusal(plan)
    return fits and subject.difference(Variant(plan)) == ""


def _layers(reference: nn.Module, subject: Subject) -> str:
    """Compare the weights, where no usual mistake fits."""
    _, watcher = watch(reference, subject.x)
    want, have = (
        [by(tuple(weight.shape)) for unit in units for weight in unit.weights]
        for units in (watcher.units, subject.watcher.units)
    )
    if sorted(want) != sorted(have):
        return f"Expected weights of {', '.join(want)}; yours are {', '.join(have)}."
    return (
        "Draw the block and follow x through forward: after each convolution its batch norm, "
        "where is each ReLU, what is added to what? Is there anything random in it?"
    )


def _why(
    wrong: AnswerError, module: nn.Module | None, x: Tensor, suspects: list[tuple[str, Plan]]
) -> str:
    """Explain an error in the learner's code by a mistake that leads to the same error."""
    if wrong.__cause__ is None:
        return ""
    if module is None:  # it could not even be made
        return next((m for m, plan in suspects if _refusal(plan) == str(wrong.__cause__)), "")
    trail = failure(module, x)
    close = ""
    for message, plan in suspects:
        same = [] if _refusal(plan) else failure(Variant(plan), x)
        if same and same == trail:
            return message
        if same and trail and same[-1] == trail[-1] and not close:
            close = message
    return close or in_other_words(module, x)


def _refusal(plan: Plan) -> str:
    """Return why such a block cannot be made: groups that do not divide the channels."""
    try:
        Variant(plan)
    except ValueError as error:
        return str(error)
    return ""


def in_other_words(module: nn.Module, x: Tensor) -> str:
    """Let the tracer say what it can about a forward pass that fails."""
    try:
        trace(module, x)
    except TraceError as explained:
        says, *more = str(explained).split(" PyTorch says:")
        return f"In other words: {says}" if more else ""  # else it only repeats the error
    except Exception:  # only a bonus
        return ""
    return ""
