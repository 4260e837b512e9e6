"""Look at what came: is it a number or a tensor of the right kind?"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from resnet_course.checks.faults import check


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


def tensor_like(got: Any, like: Tensor, name: str, what: str, exercise: str) -> Tensor:
    """Return the learner's tensor if it has shape, type and device of another, `like`.

    Raises:
        AnswerError: it has not. The text says that `what` is expected, "a tensor of slopes", as
            `name` is; what it says to another shape depends on the exercise.
    """
    check("tensor", got=got, like=like, name=name, what=what, exercise=exercise)
    return got


def close(one: float, other: float) -> bool:
    """Return whether two numbers are equal but for the rounding of 32 bits."""
    return abs(one - other) <= 1e-5 * max(1.0, abs(one))
