"""Ask an answer for its value in each case, and name the mistake that gives the same."""

from __future__ import annotations

import inspect
import operator
import re
from collections.abc import Callable, Iterable
from typing import Any

import torch

from resnet_course.checks.faults import fault, read_toml
from resnet_course.checks.guard import AnswerError, call
from resnet_course.checks.values import Tensors, Value, check_unchanged, copied, near
from resnet_course.checks.variants import compiled, edited
from resnet_course.checks.wording import said, show

Answer = Callable[..., Any]  # a learner's, the right one, or one with a known mistake
Case = tuple[Any, ...]
Mistakes = list[tuple[str, Answer]]
Tell = Callable[[Case, Any, Any], tuple[str, str]]


def known(name: str, arguments: str, **names: Any) -> Mistakes:
    """Return what to say to the mistakes of a table of mistakes.toml, and an answer with each.

    They are code of the arguments of the answers, "n, k, s, p", and of `names`.
    """
    lines = read_toml("mistakes")[name].items()
    return [(words, eval(f"lambda {arguments}: ({code})", names)) for code, words in lines]


def known_edits(name: str, right: Answer, place: str = "") -> Mistakes:
    """Return the same of a table of edits of the right answer's source, "old → new | old → new".

    If a `place` is given, the table tells what stands in this place.
    """
    found, text = [], inspect.getsource(right)
    for code, words in read_toml("mistakes")[name].items():
        edits = [f"{place} → {code}"] if place else code.split(" | ")
        found.append((words, compiled(edited(text, edits))))
    return found


def ask(
    answer: Answer,
    cases: Iterable[Case],
    right: Answer,
    mistakes: Mistakes,
    tell: Tell,
    run: Callable[..., Any],
    same: Callable[[Any, Any], bool] = operator.eq,
) -> None:
    """Ask an answer for one value in each case; raise `AnswerError` if one is wrong, or missing.

    Args:
        answer: the learner's.
        cases: what `run` gets besides the answer.
        right: an answer that is right, of torch where torch has one.
        mistakes: see `known`. One is recognised if it does the same as the learner's answer in all
            cases, for one that agrees in a single case proves little; to stop with the same error
            is to do the same.
        tell: (case, expected, got) → where the value is wrong, and words for an unknown mistake.
        run: (answer, *case) → its value; raises `AnswerError` for what is wrong whatever it is.
        same: whether two values are equal.
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
    """Return a `run` that calls the answer with copies of the case, and makes a value by `read`.

    What the answer must not change is `changed`, "x or y", or the first argument by default.
    """

    def run(answer: Answer, *case: Any) -> Value:
        own = copied(case)
        value = read(call(answer, *own))
        check_unchanged(own, case, changed or f"{show(case[0])}, which it was given")
        return value

    return run


def numbers(where: Callable[..., str], unknown: str, form: str = ".6g") -> Tell:
    """Return a `tell` for numbers: `where` describes a case, `unknown` is a table of faults."""
    return lambda case, right, got: (
        f"{where(*case)}: expected {right:{form}}, got {got:{form}}.",
        fault(unknown, case=case, right=right, got=got),
    )


def tensors(where: Callable[..., str], unknown: str) -> Tell:
    """Return a `tell` for tensors with names; `where` and `unknown` are as in `numbers`."""

    def tell(case: Case, right: Tensors, got: Tensors) -> tuple[str, str]:
        name = next(name for name in right if not near(right[name], got[name]).all())
        place = (~near(right[name], got[name])).nonzero()[0].tolist()
        one, other = (values[name][tuple(place)].item() for values in (right, got))
        words = f"{where(*case)}: {name} at {place}: expected {one:.4g}, got {other:.4g}."
        return words, fault(unknown, name=name, right=right, got=got)

    return tell
