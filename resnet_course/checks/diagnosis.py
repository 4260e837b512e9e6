"""Compare a learner's block, or ResNet-34, with the right one, and find the mistake.

The usual mistakes are tried: with which of them does the right text compute the same?
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import combinations

import torch
from torch import Tensor, nn

from resnet_course.checks.compare import GRADIENTS, WHOLE_NETWORK, Subject, build, count
from resnet_course.checks.faults import check, fault
from resnet_course.checks.flow import failure, watch
from resnet_course.checks.guard import AnswerError, call
from resnet_course.checks.variants import ARGUMENTS, Right, Suspect, compiled, made, table
from resnet_course.tracing import trace
from resnet_course.tracing.rows import by

PAIRS = 300  # of mistakes that are tried: looking for two at once is a bonus
SMALL, FULL = 33, 224  # sides of a picture: an odd one shows more, and is soon done
WIDTHS = (64, 128, 256, 512)  # of the stages
IN_SIZES = table("network sizes")  # a map has another size, and the size alone does not say why
IN_NUMBERS = table("network numbers")  # no shape shows these


def check_block(
    answer: Callable[..., nn.Module],
    arguments: tuple[int, ...],
    right: Right,
    size: tuple[int, int] = (14, 10),
) -> None:
    """Raise `AnswerError` if a class makes of these arguments, by position, another block.

    `size` is height and width of the input on which the two are compared.
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
    names = {"subject": subject, "differ": differ, "want": count(reference), "have": count(module)}
    names["output"], names["seen"] = watch(reference, x.clone())
    cause = _diagnosis(subject, names["want"], right, arguments) or fault("unknown", **names)
    raise AnswerError(f"{head} {fault('block_differs', **names)} {cause}")


def _diagnosis(subject: Subject, want: int, right: Right, arguments: Sequence[int]) -> str:
    """Name the mistake, or the two mistakes, with which a block computes the same."""
    suspects = [suspect for suspect in right.suspects(arguments) if suspect.block]
    for suspect in suspects:
        if subject.difference(suspect.block) == "":
            return suspect.message
    # What one mistake adds to the parameters, and what the other does, must be what there is.
    have, sizes = count(subject.module), [count(suspect.block) for suspect in suspects]
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
    return close or _in_other_words(module, x)


def _in_other_words(module: nn.Module, x: Tensor) -> str:
    """Let the tracer say what it can about a forward pass that fails."""
    try:
        trace(module, x)
    except Exception as explained:  # this is only a bonus
        says, *more = str(explained).split(" PyTorch says:")
        return f"In other words: {says}" if more else ""  # else it only repeats the error
    return ""


def check_network(make: Callable[[], nn.Module], num_classes: int) -> None:
    """Raise `AnswerError` if a network, made anew by each call, is not ResNet-34, or fails."""
    model = make()
    try:
        subject = Subject(model, torch.randn(2, 3, SMALL, SMALL), tolerances=WHOLE_NETWORK)
    except AnswerError as wrong:
        if wrong.__cause__ is None:
            raise
        # It may be made for pictures of 224×224 alone, as the exercise allows.
        subject = _large(make())
    x = subject.x
    check("logits", output=subject.output, batch=len(x), num_classes=num_classes)
    with torch.no_grad():
        check("logits", output=call(model, x[:1].clone()), batch=1, num_classes=num_classes)
    reference = made(num_classes)
    differ = subject.difference(reference)
    if differ == GRADIENTS:  # in so many numbers rounding can move one over ReLU's 0: ask again
        subject = Subject(make(), x, tolerances=WHOLE_NETWORK)
        differ = subject.difference(reference)
    if differ == "":
        return
    names = {"differ": differ, "want": count(reference), "have": count(model)}
    head = f"num_classes={num_classes}: {fault('network_differs', **names)}".rstrip()
    if differ == GRADIENTS:
        raise AnswerError(head)
    cause = _part(subject, reference, num_classes)
    # Right at 224×224 is right, whatever it does with smaller pictures.
    if differ and not cause and x.shape[-1] != FULL and _large(make()).difference(reference) == "":
        return
    cause = cause or "If you wrote the block yourself: does it pass its own check?"
    raise AnswerError(f"{head} {cause}")


def _large(model: nn.Module) -> Subject:
    x = torch.randn(1, 3, FULL, FULL)
    try:
        return Subject(model, x, gradients=False, tolerances=WHOLE_NETWORK)
    except AnswerError as wrong:
        words = _in_other_words(model, x)
        if "features, but it gets" in words:
            words = re.sub(r" \S+ = \d+: is nn.Flatten.*", "", words)  # and averaging, too
            words += " Is the last map averaged and flattened before the linear layer?"
        raise AnswerError(f"A picture of 3×{FULL}×{FULL}: {wrong} {words}".rstrip()) from wrong


def _part(subject: Subject, reference: nn.Module, num_classes: int) -> str:
    """Find the part of the network that is wrong: weights, sizes of maps, or something else."""
    shapes = subject.seen.shapes
    counts = [sum(s[:1] + s[2:] == (width, 3, 3) for s in shapes) for width in WIDTHS]
    if cause := fault("network_weights", shapes=shapes, counts=counts):
        return cause
    _, seen = watch(reference, subject.x.to("meta"))
    want, have = (
        [(weight, out) for _, weight, out in trail if weight[-1] in (3, 7)]
        for trail in (seen.trail, subject.seen.trail)
    )
    where = ""
    for (weight, right), (_, wrong) in zip(want, have, strict=False):
        if right[2:] != wrong[2:]:
            stage = 0 if weight[-1] == 7 else WIDTHS.index(weight[0]) + 1
            names = {"stage": stage, "want": right, "have": wrong, "side": subject.x.shape[-1]}
            where = fault("size_of_map", **names)
            break
    for message, *edits in IN_SIZES if where else IN_NUMBERS:
        if subject.difference(made(num_classes, edits)) == "":
            return message
    return where
