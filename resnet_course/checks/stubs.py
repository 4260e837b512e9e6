"""Has the learner changed the stub yet?"""

from __future__ import annotations

import inspect
from itertools import product
from types import CodeType
from typing import Any

FIRST = ("", '"Words."\n', "super().__init__()\n", '"Words."\nsuper().__init__()\n')
LAST = (
    "...",
    "return None",
    *(f"raise NotImplementedError{words}" for words in ("", "()", '("")')),
)


def is_untouched(answer: Any) -> bool:
    """Return whether `answer` is a stub: a function, or a class with functions, that do nothing.

    Doing nothing means: a docstring, `...`, `pass`, `return None`, `raise NotImplementedError`, or
    in a class the call `super().__init__()`. `None` and `...` themselves are untouched too.
    """
    if inspect.isclass(answer):
        own = [f for f in vars(answer).values() if inspect.isfunction(f)]
        return all(_does_nothing(f.__code__) for f in own)
    if inspect.isfunction(answer):
        return _does_nothing(answer.__code__)
    return answer is None or answer is ...


def _does_nothing(code: CodeType) -> bool:
    """Compare with what this Python makes of stubs that have as many variables."""
    names = ", ".join(f"x{i}" for i in range(code.co_nlocals))
    for first, last in product(FIRST, LAST):
        body = f"{first}{last}".replace("\n", "\n  ")
        space: dict[str, Any] = {}
        exec(f"class Stub:\n def stub({names}):\n  {body}", space)
        if _deeds(space["Stub"].stub.__code__) == _deeds(code):
            return True
    return False


def _deeds(code: CodeType) -> tuple[Any, ...]:
    """Return what a function does; which words it says is left out."""
    constants = tuple("" if isinstance(each, str) else each for each in code.co_consts)
    return code.co_code, code.co_names, constants
