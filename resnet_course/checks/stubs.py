"""Has the learner changed the stub yet?"""

from __future__ import annotations

import dis
import inspect
from types import CodeType
from typing import Any

# What the body of a stub may compile to: `...`, `pass`, a docstring, `super().__init__()`.
_QUIET = {
    "CACHE", "COPY_FREE_VARS", "LOAD_CONST", "NOP", "POP_TOP", "RESUME", "RETURN_CONST",
    "RETURN_GENERATOR", "RETURN_VALUE",
}  # fmt: skip
_SUPER = {
    "CALL", "CALL_FUNCTION", "CALL_METHOD", "LOAD_ATTR", "LOAD_DEREF", "LOAD_FAST",
    "LOAD_FAST_BORROW", "LOAD_GLOBAL", "LOAD_METHOD", "LOAD_SUPER_ATTR", "PRECALL",
}  # fmt: skip


def is_untouched(answer: Any) -> bool:
    """Return whether `answer` is a stub: a function, or a class with functions, that do nothing.

    Doing nothing means: a docstring, `...`, `pass`, `return None`, or in a class the call
    `super().__init__()`. `None` and `...` themselves are untouched too.
    """
    if answer is None or answer is ...:
        return True
    if inspect.isclass(answer):
        own = [f for f in vars(answer).values() if inspect.isfunction(f)]
        return all(_does_nothing(f.__code__) for f in own)
    if inspect.isfunction(answer):
        return _does_nothing(answer.__code__)
    return False


def _does_nothing(code: CodeType) -> bool:
    calls_super = "super" in code.co_names and set(code.co_names) <= {"super", "__init__"}
    allowed = _QUIET | _SUPER if calls_super else _QUIET
    steps = [step for step in dis.get_instructions(code) if step.opname not in ("CACHE", "NOP")]
    if any(step.opname not in allowed for step in steps):
        return False
    arguments = {step.argval for step in steps if step.opname.startswith("LOAD_FAST")}
    if not arguments <= {code.co_varnames[0] if code.co_varnames else None}:
        return False  # super().__init__(with, something) does more than nothing
    if steps[-1].opname == "RETURN_CONST":
        return steps[-1].argval is None
    return steps[-2].opname != "LOAD_CONST" or steps[-2].argval is None
