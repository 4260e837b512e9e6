"""Short words for the tests of the checkers: an answer must pass, or fail with certain words."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from resnet_course.checks import CheckResult


def must_pass(checker: Callable[[Any], CheckResult], answer: Any) -> CheckResult:
    """Ask that the answer is right."""
    result = checker(answer)
    assert result and result.attempted, result.message
    return result


def must_fail(checker: Callable[[Any], CheckResult], answer: Any, words: str) -> None:
    """Ask that the answer is wrong, and that its message matches the regular expression."""
    result = checker(answer)
    assert not result and result.attempted, "a wrong answer has passed"
    assert re.search(words, result.message), result.message


def named(*answers: Any) -> dict[str, Any]:
    """Parametrize by functions, or by (function, words), with the functions' names as ids."""
    first = [a[0] if isinstance(a, tuple) else a for a in answers]
    return {"argvalues": answers, "ids": [getattr(a, "__name__", repr(a)) for a in first]}
