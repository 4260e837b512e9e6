"""Look at what came: is it a number of the right kind, and which mistake gives the same numbers?"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from resnet_course.checks.guard import AnswerError, call, show

NOT_RETURNED = "Does your function reach a `return` in every case?"
Case = tuple[Any, ...]


def plain(got: Any) -> Any:
    """Return the Python number inside a tensor or NumPy value without axes; all else as it is."""
    without_axes = hasattr(got, "item") and getattr(got, "ndim", None) == 0
    if without_axes and not (isinstance(got, Tensor) and got.is_meta):
        return got.item()
    return got


def described(got: Any) -> str:
    """Write what came, and of which type it is."""
    if isinstance(got, Tensor) and got.is_meta:
        return 'a tensor on the device "meta", which holds no numbers'
    if isinstance(got, np.ndarray):
        return f"an array of shape {got.shape}"
    return f"{show(got)} ({type(got).__name__})"


def whole(got: Any) -> int:
    """Return the learner's whole number; one of NumPy or in a tensor without axes will do.

    Raises:
        AnswerError: it is something else; a float is never taken for a count.
    """
    number = plain(got)
    if isinstance(number, int) and not isinstance(number, bool):
        return number
    if number is None:
        why = NOT_RETURNED
    elif isinstance(number, float) and math.isfinite(number):
        why = "A count is an int, not a float. If there is a division: // rounds down."
    else:
        why = "A count is an int."
    raise AnswerError(f"Expected a whole number (int), got {described(got)}. {why}")


def yes_or_no(got: Any, where: str) -> bool:
    """Return the learner's True or False; 1 and 0 are equal to them and will do.

    Raises:
        AnswerError: it is something else.
    """
    value = plain(got)
    if isinstance(value, (bool, int)) and value in (0, 1):
        return bool(value)
    why = NOT_RETURNED if value is None else "A comparison gives True or False."
    raise AnswerError(f"{where}: expected True or False, got {described(got)}. {why}")


def recognise(
    given: Any, mistakes: Mapping[str, Any], same: Callable[[Any, Any], bool], otherwise: str
) -> str:
    """Return the words for the mistake that gives the same results.

    Args:
        given: the learner's results in all cases: one that agrees in a single case proves little.
        mistakes: words → the results of this mistake.
        same: whether two results agree.
        otherwise: what to say if it is none of these.
    """
    return next((words for words, results in mistakes.items() if same(results, given)), otherwise)


def ask_counts(
    answer: Callable[..., Any],
    cases: Sequence[Case],
    *,
    right: Callable[..., int],
    where: Callable[..., str],
    mistakes: Mapping[str, Callable[..., Any]],
    otherwise: str,
) -> None:
    """Ask for one whole number per case.

    Args:
        answer: the learner's function.
        cases: its arguments, by position.
        right: returns the right number.
        where: describes a case.
        mistakes: words → what a known mistake returns.
        otherwise: what to say to an unknown one.

    Raises:
        AnswerError: a number is wrong, or is none.
    """
    given = []
    for case in cases:
        own = copy.deepcopy(case)
        given.append(whole(call(answer, *own)))
        if own != case:
            raise AnswerError(f"Your function has changed {show(case[0])}, which it was given.")
    for case, got in zip(cases, given, strict=True):
        expected = right(*case)
        if got != expected:
            known = {words: [wrong(*c) for c in cases] for words, wrong in mistakes.items()}
            why = recognise(given, known, lambda one, other: one == other, otherwise)
            raise AnswerError(f"{where(*case)}: expected {expected:,}, got {got:,}. {why}")
