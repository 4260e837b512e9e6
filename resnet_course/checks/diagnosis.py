"""Compare a learner's block with the right one, and find the mistake by trying the usual ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor, nn

from resnet_course.checks.compare import AFTERWARDS, Subject
from resnet_course.checks.flow import failure, watch
from resnet_course.checks.guard import AnswerError
from resnet_course.checks.modules import build, sizes
from resnet_course.checks.variants import (
    CONDITION,
    Mistake,
    Numbers,
    compiled,
    count,
    edited,
    spelled,
)
from resnet_course.tracing import TraceError, trace
from resnet_course.tracing.rows import by

ARGUMENTS = {"in_channels": 0, "channels": 0, "stride": 1, "groups": 1, "base_width": 64}
PAIRS = 300  # of mistakes that are tried: looking for two at once is a bonus


@dataclass
class Suspect:
    """A known mistake, and the block that has it; or None, and why such a block cannot be made."""

    message: str
    edits: list[str]
    block: nn.Module | None = None
    refusal: str = ""


@dataclass(frozen=True)
class Right:
    """A kind of block.

    Attributes:
        text: its source.
        names: of the convolutions in its branch.
        mistakes: what can go wrong, the most frequent first.
    """

    text: str
    names: Sequence[str]
    mistakes: Sequence[Mistake]

    def suspects(self, arguments: Sequence[int]) -> list[Suspect]:
        """Make the block of every mistake that is possible with these arguments."""
        numbers = Numbers(ARGUMENTS | dict(zip(ARGUMENTS, arguments, strict=False)))
        numbers["per_group"] = int(numbers["channels"] * numbers["base_width"] / 64)
        numbers["width"] = numbers["per_group"] * numbers["groups"]
        projects = isinstance(compiled(self.text)(*arguments).project, nn.Conv2d)
        found = {_simply(self.text, numbers["stride"], projects): Suspect("", [])}
        for message, edits in spelled(self.mistakes, self.names, numbers):
            text = _simply(edited(self.text, edits), numbers["stride"], projects)
            if text not in found:  # else it makes no difference here
                found[text] = self.suspect(message, edits, arguments)
        return list(found.values())[1:]

    def suspect(self, message: str, edits: list[str], arguments: Sequence[int]) -> Suspect:
        """Make the block of one mistake."""
        try:
            return Suspect(message, edits, compiled(edited(self.text, edits))(*arguments))
        except Exception as error:  # groups do not fit, or two mistakes do not go together
            return Suspect(message, edits, refusal=str(error))


def _simply(text: str, stride: int, projects: bool) -> str:
    """Return what a text amounts to: without a projection that is not made, or a stride of 1."""
    if not projects:
        text = re.sub(rf" +if ({CONDITION}|False):\n.*\n.*\n", "", text)
    text = text.replace(CONDITION, str(projects))
    return text.replace("stride=stride", "stride=1") if stride == 1 else text


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
    named = zip(ARGUMENTS, arguments, strict=False)
    head = ", ".join(f"{name}={value}" for name, value in named) + f", input {sizes(x.shape)}: "
    module = None
    try:
        module = build(answer, *arguments)
        subject = Subject(module, x)
    except AnswerError as wrong:
        why = _why(wrong, module, x, right, arguments)
        raise AnswerError(f"{head}{wrong} {why}".rstrip()) from wrong
    reference = compiled(right.text)(*arguments)
    differ = subject.difference(reference)
    if differ == "":
        return
    expected, watcher = watch(reference, x.clone())
    want, have = count(reference), count(module)
    if subject.output.shape != expected.shape:
        head += f"expected {sizes(expected.shape)}, got {sizes(subject.output.shape)}. "
    elif want != have:
        head += f"expected {want:,} parameters, got {have:,}. "
    else:
        where = differ or "in its layers"
        head += f"shape and number of parameters are right, but the block differs {where}. "
    cause = _diagnosis(subject, want, right, arguments)
    if not cause and differ == AFTERWARDS:
        cause = (
            "A step in training mode should move batch norm's running mean and variance, by its "
            "usual momentum of 0.1."
        )
    if not cause:
        weights = [
            [by(tuple(weight.shape)) for unit in units for weight in unit.weights]
            for units in (watcher.units, subject.units)
        ]
        cause = (
            "Draw the block and follow x through forward: after each convolution its batch norm, "
            "where is each ReLU, what is added to what? Is there anything random in it?"
        )
        if sorted(weights[0]) != sorted(weights[1]):
            want, have = map(", ".join, weights)
            cause = f"Expected weights of {want}; yours are {have}."
    raise AnswerError(head + cause)


def _diagnosis(subject: Subject, want: int, right: Right, arguments: Sequence[int]) -> str:
    """Name the mistake, or the two mistakes, with which a block computes the same."""
    have = count(subject.module)
    suspects = [suspect for suspect in right.suspects(arguments) if suspect.block]
    sizes = [count(suspect.block) for suspect in suspects]
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


def _why(
    wrong: AnswerError,
    module: nn.Module | None,
    x: Tensor,
    right: Right,
    arguments: Sequence[int],
) -> str:
    """Explain an error in the learner's code by a mistake that leads to the same error."""
    if wrong.__cause__ is None:
        return ""
    suspects = right.suspects(arguments)
    if module is None:  # it could not even be made
        reason = str(wrong.__cause__)
        return next((s.message for s in suspects if s.refusal == reason), "")
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
    except TraceError as explained:
        says, *more = str(explained).split(" PyTorch says:")
        return f"In other words: {says}" if more else ""  # else it only repeats the error
    except Exception:  # only a bonus
        return ""
    return ""
