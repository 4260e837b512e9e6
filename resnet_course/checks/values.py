"""Look at what came: is it a number, a tensor or a truth of the right kind?"""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
from torch import Tensor

from resnet_course.checks.guard import AnswerError, show

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


def whole(got: Any) -> int:
    """Return the learner's whole number; one of NumPy or in a tensor without axes will do.

    Raises:
        AnswerError: it is something else; a float is never taken for a count.
    """
    value = plain(got)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    why = "A count is an int."
    if value is None:
        why = NOT_RETURNED
    elif isinstance(value, float) and math.isfinite(value):
        why = "A count is an int, not a float. If there is a division: // rounds down."
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


def number(got: Any, what: str) -> float:
    """Return the learner's number; of a tensor without axes, which is none, take `plain` first.

    Args:
        got: what their function returned. Any finite real number but a bool will do.
        what: it should be, such as "the loss".

    Raises:
        AnswerError: it is something else.
    """
    if got is None:
        raise AnswerError(f"Expected {what}, got None. Does your function end with `return`?")
    if isinstance(got, Real) and not isinstance(got, bool):
        if math.isfinite(got):
            return float(got)
        raise AnswerError(f"Expected {what}, got {got}. Was something divided by zero?")
    came = f"{described(got)}."
    if isinstance(got, Tensor) and not got.is_meta:
        came = f"{show(got)}. One number for all of it is asked for."
        if got.numel() == 1:
            why = (
                ", which still holds on to all that was recorded for backward(), and so to a lot "
                "of memory"
            )
            came = f"{show(got)}{why * got.requires_grad}: `.item()` takes the number out."
    raise AnswerError(f"Expected {what} as a Python number, got {came}")


def tensor_like(got: Any, like: Tensor, name: str, what: str, wrong_shape: str) -> Tensor:
    """Return the learner's tensor if it has the shape, type and device of another one.

    Args:
        got: what their function returned.
        like: the other one, and its name.
        name: of the other one.
        what: it should be, "a tensor of slopes".
        wrong_shape: what to say to a wrong shape, with {} for the right one and {} for theirs.

    Raises:
        AnswerError: it is something else.
    """
    if not isinstance(got, Tensor):
        why = f" {NOT_RETURNED}" if got is None else ""
        raise AnswerError(f"Expected {what}, got {described(got)}.{why}")
    if got.shape != like.shape:
        raise AnswerError(wrong_shape.format(tuple(like.shape), tuple(got.shape)))
    if (got.device, got.dtype) != (like.device, like.dtype):
        wanted, came = (f"{t.dtype} on {t.device}" for t in (like, got))
        raise AnswerError(f"Expected {wanted}, as {name} is, got {came}.")
    return got


def close(one: float, other: float) -> bool:
    """Return whether two numbers are equal but for the rounding of 32 bits."""
    return abs(one - other) <= 1e-5 * max(1.0, abs(one))
