"""Ask an answer for its value in each case, and name the mistake that gives the same."""

from __future__ import annotations

import copy
import inspect
import operator
import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from resnet_course.checks.faults import check, fault, read_toml
from resnet_course.checks.guard import AnswerError, call
from resnet_course.checks.variants import compiled, edited
from resnet_course.checks.wording import said, show

Answer = Callable[..., Any]  # a learner's, the right one, or one with a known mistake
Case = tuple[Any, ...]
Mistakes = list[tuple[str, Answer]]
Tell = Callable[[Case, Any, Any], tuple[str, str]]
Tensors = dict[str, Tensor]  # what a message calls them → tensors
Value = TypeVar("Value")


def known(name: str, arguments: str, **names: Any) -> Mistakes:
    """Return what to say to the mistakes of a table of mistakes.toml, and an answer with each.

    The code uses the arguments of the answers, "n, k, s, p", and `names`.
    """
    lines = read_toml("mistakes")[name].items()
    return [(words, eval(f"lambda {arguments}: ({code})", names)) for code, words in lines]


def known_edits(name: str, right: Answer) -> Mistakes:
    """Return what to say to the mistakes of such a table, and an answer with each.

    A mistake is written as edits of the source of the right answer, "old → new | old → new".
    """
    text, lines = inspect.getsource(right), read_toml("mistakes")[name].items()
    return [(words, compiled(edited(text, edits.split(" | ")))) for edits, words in lines]


def ask(
    answer: Answer,
    cases: Iterable[Case],
    right: Answer,
    mistakes: Mistakes,
    tell: Tell,
    run: Callable[..., Any],
    same: Callable[[Any, Any], bool] = operator.eq,
) -> None:
    """Ask for one value in each case.

    Args:
        answer: the learner's.
        cases: what `run` gets besides the answer.
        right: an answer that is right, of torch where torch has one.
        mistakes: see `known`. One is recognised if it does the same as the learner's answer in all
            cases, for one that agrees in a single case proves little; to stop with the same error
            is to do the same.
        tell: (case, expected, got) → where the value is wrong, and words for an unknown mistake.
        run: (answer, *case) → its value; it raises `AnswerError` for what is wrong whatever the
            value is.
        same: whether two values are equal.

    Raises:
        AnswerError: a value is wrong, or there is none.
    """
    tried: list[tuple[Case, Any]] = []
    for case in cases:
        tried.append((case, _outcome(run, answer, case)))
        if isinstance(tried[-1][1], AnswerError):
            break
    for case, got in tried:
        if isinstance(got, AnswerError):
            where, otherwise = str(got), ""
        else:
            expected = run(right, *case)
            if same(expected, got):
                continue
            where, otherwise = tell(case, expected, got)
            # A wrong value tells more than an error that comes after it.
            tried = [pair for pair in tried if not isinstance(pair[1], AnswerError)]
        for words, wrong in mistakes:
            if all(_alike(_outcome(run, wrong, c), value, same) for c, value in tried):
                raise AnswerError(f"{where} {words}")
        raise AnswerError(f"{where} {otherwise}".rstrip())


def _outcome(run: Callable[..., Any], answer: Answer, case: Case) -> Any:
    """Return the value, or the `AnswerError` that is raised in its place."""
    try:
        with torch.enable_grad():  # so that gradients are on again, whatever the answer leaves
            return run(answer, *case)
    except AnswerError as error:
        return error


def _alike(one: Any, other: Any, same: Callable[[Any, Any], bool]) -> bool:
    if not isinstance(one, AnswerError) and not isinstance(other, AnswerError):
        return same(one, other)
    causes = [getattr(outcome, "__cause__", None) or outcome for outcome in (one, other)]
    # None has no attribute 'norm' and None has no attribute 'sum' are the same mistake.
    texts = [re.sub(r"attribute '\w+'", "", f"{type(cause)} {said(cause)}") for cause in causes]
    return texts[0] == texts[1]


def simply(read: Callable[[Any], Value], changed: str = "") -> Callable[..., Value]:
    """Return a `run` that calls the answer with copies of the case, by position.

    `read` makes the value of what came, or raises `AnswerError`. What the answer must not change
    is `changed`, "x or y", or the first argument if nothing is said.
    """

    def run(answer: Answer, *case: Any) -> Value:
        own = copied(case)
        value = read(call(answer, *own))
        check_unchanged(own, case, changed or f"{show(case[0])}, which it was given")
        return value

    return run


def numbers(where: Callable[..., str], unknown: str, form: str = ".6g") -> Tell:
    """Return a `tell` for numbers, written in this form.

    `where` describes a case. `unknown` is the table of faults that knows what to say to an unknown
    mistake, from `case`, `right` and `got`.
    """
    return lambda case, right, got: (
        f"{where(*case)}: expected {right:{form}}, got {got:{form}}.",
        fault(unknown, case=case, right=right, got=got),
    )


def near(one: Tensor, other: Tensor) -> Tensor:
    """Return where two tensors are equal but for rounding, and for n − 1 in place of a large n."""
    return torch.isclose(one, other.to(one.dtype), rtol=1e-3, atol=1e-5, equal_nan=True)


def all_near(one: Tensors, other: Tensors) -> bool:
    """Return whether all tensors of the same name are `near`."""
    return all(bool(near(one[name], other[name]).all()) for name in one)


def tensors(where: Callable[..., str], unknown: str) -> Tell:
    """Return a `tell` for tensors with names; `where` and `unknown` are as in `numbers`."""

    def tell(case: Case, right: Tensors, got: Tensors) -> tuple[str, str]:
        name = next(name for name in right if not near(right[name], got[name]).all())
        place = (~near(right[name], got[name])).nonzero()[0].tolist()
        one, other = (values[name][tuple(place)].item() for values in (right, got))
        words = f"{where(*case)}: {name} at {place}: expected {one:.4g}, got {other:.4g}."
        return words, fault(unknown, name=name, right=right, got=got)

    return tell


def copied(given: Value) -> Value:
    """Copy arguments; a model keeps the gradients in it, which a deep copy leaves out."""
    if isinstance(given, (tuple, list)):
        return type(given)(map(copied, given))
    own = copy.deepcopy(given)
    if isinstance(given, nn.Module):
        for mine, theirs in zip(own.parameters(), given.parameters(), strict=True):
            mine.grad = None if theirs.grad is None else theirs.grad.clone()
    return own


def check_unchanged(now: Any, before: Any, what: str, who: str = "Your function") -> None:
    """Complain if lists or tensors, described by `what`, are no longer equal to a copy."""
    check("changed", same=_equal(now, before), who=who, what=what)


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, (tuple, list)):
        return len(one) == len(other) and all(map(_equal, one, other))
    return torch.equal(one, other) if isinstance(one, Tensor) else one == other


def plain(got: Any) -> Any:
    """Return the Python number inside a tensor or NumPy value without axes; all else as it is."""
    without_axes = hasattr(got, "item") and getattr(got, "ndim", None) == 0
    return got.item() if without_axes and not getattr(got, "is_meta", False) else got


def whole(got: Any) -> int:
    """Return the learner's whole number; one of NumPy or in a tensor without axes will do.

    Raises:
        AnswerError: it is something else; a float is never taken for a count.
    """
    check("whole", got=got, value=plain(got))
    return plain(got)


def number(got: Any, what: str) -> float:
    """Return the learner's number; of a tensor without axes, which is none, take `plain` first.

    Raises:
        AnswerError: it is no finite real number; the text says `what` is expected, "the loss".
    """
    check("number", got=got, what=what)
    return float(got)


def close(one: float, other: float) -> bool:
    """Return whether two numbers are equal but for the rounding of 32 bits."""
    return abs(one - other) <= 1e-5 * max(1.0, abs(one))
