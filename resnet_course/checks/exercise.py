"""What every exercise has, and what every checker does before and after its own questions."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from types import CodeType
from typing import Any

from torch import nn

from resnet_course.checks import faults, guard
from resnet_course.checks.guard import AnswerError, StepLimit
from resnet_course.checks.kernel import kept, printing_little
from resnet_course.checks.result import CheckResult, save

# How a stub may begin and end.
FIRST = ("", '"Words."\n', "super().__init__()\n", '"Words."\nsuper().__init__()\n')
RAISE = "raise NotImplementedError"
LAST = ("...", "return None", RAISE, f"{RAISE}()", f'{RAISE}("")')


Ask = Callable[[Any], str | None]  # what `exercise` turns into a checker


@dataclass(frozen=True)
class Exercise:
    """One exercise; exercises.toml says what the facts from there mean."""

    name: str  # of the checker
    chapter: int
    title: str
    difficulty: int
    minutes: int
    important: bool
    praise: str
    hints: Sequence[str]
    answers: tuple[Callable[..., Any], ...]  # of the package, that are the solution
    ask: Ask

    @property
    def heading(self) -> str:
        """The line above the exercise: title, difficulty, minutes, importance."""
        stars = "★" * self.difficulty + "☆" * (3 - self.difficulty)
        weight = "needed later" if self.important else "extra"
        return f"{self.title} ({stars}, {self.minutes} minutes, {weight})"


EXERCISES: dict[str, Exercise] = {}
STATE: dict[str, CheckResult] = {}  # the last verdict on each exercise in this kernel

Checker = Callable[[Any], CheckResult]


def exercise(*answers: Callable[..., Any]) -> Callable[[Ask], Checker]:
    """Turn questions into a checker; `answers` of the package are the solution.

    The decorated function asks the answer questions. It raises `AnswerError` if something is wrong;
    it may return a praise in place of the usual one. Around it, the checker sees to everything
    else: an untouched stub, an answer that raises, never ends or prints too much, and a kernel that
    is left as it was. Title, praise and hints stand in exercises.toml, under the function's name.
    """

    def decorate(ask: Ask) -> Checker:
        facts = faults.read_toml("exercises")[ask.__name__]
        about = Exercise(ask.__name__, **facts, answers=answers, ask=ask)
        EXERCISES[about.name] = about

        @functools.wraps(ask)
        def check(answer: Any) -> CheckResult:
            result = STATE[about.name] = verdict(about, answer)
            save(about.name, result.state)
            return result

        return check

    return decorate


def verdict(about: Exercise, answer: Any) -> CheckResult:
    """Say what is right or wrong with an answer; the progress does not hear of it."""
    if is_untouched(answer):
        return CheckResult(
            about.name, False, False, faults.fault("stopped", error=None), about.hints
        )
    try:
        faults.check("answer", answer=answer, name=about.name)
        with kept(), printing_little(), StepLimit(guard.STEPS):
            return CheckResult(about.name, True, True, about.ask(answer) or about.praise, ())
    except AnswerError as wrong:
        message = str(wrong)
    except KeyboardInterrupt:  # the learner's own
        raise
    except BaseException as error:  # what the questions did not foresee must not stop the notebook
        message = faults.fault("stopped", error=error, steps=guard.STEPS)
    return CheckResult(about.name, False, True, message, about.hints)


def is_untouched(answer: Any) -> bool:
    """Return whether `answer` is a stub: a function, or a class with functions, that do nothing.

    Doing nothing means: a docstring, `...`, `pass`, `return None`, `raise NotImplementedError`, or
    in a class the call `super().__init__()`. `None` and `...` themselves are untouched too, a class
    that inherits from another than nn.Module is not.
    """
    if inspect.isclass(answer):
        inherits = any(base not in (object, nn.Module) for base in answer.__bases__)
        own = [f for f in vars(answer).values() if inspect.isfunction(f)]
        return not inherits and all(_does_nothing(f.__code__) for f in own)
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
