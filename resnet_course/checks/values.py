"""Look at what came: is it a number, a tensor or a truth of the right kind?"""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np
from torch import Tensor

from resnet_course.checks.guard import AnswerError, show
from resnet_course.checks.texts import messages

SAY = messages("values")
NOT_RETURNED = "Does your function reach a `return` in every case?"


def plain(got: Any) -> Any:
    """Return the Python number inside a tensor or NumPy value without axes; all else as it is."""
    without_axes = hasattr(got, "item") and getattr(got, "ndim", None) == 0
    return got.item() if without_axes and not getattr(got, "is_meta", False) else got


def described(got: Any) -> str:
    """Write what came, and of which type it is."""
    if isinstance(got, Tensor) and got.is_meta:
        return 'a tensor on the device "meta", which holds no numbers'
    if isinstance(got, np.ndarray):
        return f"an array of shape {got.shape}"
    return f"{show(got)} ({type(got).__name__})"


def some(names: Iterable[str]) -> str:
    """Write the first three names, and how many more there are."""
    first, rest = list(names)[:3], list(names)[3:]
    return ", ".join(first) + f" and {len(rest)} more" * bool(rest)


def refuse(wrong: Any, words: str, cause: BaseException | None = None) -> None:
    """Raise `AnswerError` with these words, and this cause, if something is wrong."""
    if wrong:
        raise AnswerError(words) from cause


def whole(got: Any) -> int:
    """Return the learner's whole number; one of NumPy or in a tensor without axes will do.

    Raises:
        AnswerError: it is something else; a float is never taken for a count.
    """
    value = plain(got)
    why = NOT_RETURNED if value is None else "A count is an int."
    if isinstance(value, float) and math.isfinite(value):
        why = "A count is an int, not a float. If there is a division: // rounds down."
    refuse(type(value) is not int, f"Expected a whole number (int), got {described(got)}. {why}")
    return value


def number(got: Any, what: str) -> float:
    """Return the learner's number; of a tensor without axes, which is none, take `plain` first.

    Raises:
        AnswerError: it is no finite real number; the text says `what` is expected, "the loss".
    """
    refuse(got is None, f"Expected {what}, got None. Does your function end with `return`?")
    came = f"{described(got)}."
    if isinstance(got, Tensor) and not got.is_meta:
        came = f"{show(got)}. One number for all of it is asked for."
        if got.numel() == 1:
            came = f"{show(got)}{SAY.graph * got.requires_grad}: `.item()` takes the number out."
    wrong = isinstance(got, bool) or not isinstance(got, Real)
    refuse(wrong, f"Expected {what} as a Python number, got {came}")
    refuse(not math.isfinite(got), f"Expected {what}, got {got}. Was something divided by zero?")
    return float(got)


def tensor_like(got: Any, like: Tensor, name: str, what: str, wrong_shape: str) -> Tensor:
    """Return the learner's tensor if it has shape, type and device of another, `like`.

    Raises:
        AnswerError: it has not. The text says that `what` is expected, "a tensor of slopes", as
            `name` is; to another shape it is `wrong_shape`, with {} for the right one and theirs.
    """
    why = f" {NOT_RETURNED}" if got is None else ""
    refuse(not isinstance(got, Tensor), f"Expected {what}, got {described(got)}.{why}")
    refuse(got.shape != like.shape, wrong_shape.format(tuple(like.shape), tuple(got.shape)))
    wanted, came = (f"{t.dtype} on {t.device}" for t in (like, got))
    refuse(wanted != came, f"Expected {wanted}, as {name} is, got {came}.")
    return got


def close(one: float, other: float) -> bool:
    """Return whether two numbers are equal but for the rounding of 32 bits."""
    return abs(one - other) <= 1e-5 * max(1.0, abs(one))
