"""What every exercise has, and what every checker does before and after its own questions."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from resnet_course.checks import guard
from resnet_course.checks.guard import AnswerError, StepLimit, TooManySteps
from resnet_course.checks.result import CheckResult
from resnet_course.checks.stubs import is_untouched
from resnet_course.checks.texts import read_toml


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes:
        name: of the checker.
        chapter: 1 to 6.
        title: what to do, in a few words.
        difficulty: 1 (one line) to 3 (think first).
        minutes: for a learner who meets it for the first time.
        important: later chapters need it; the others may be left out.
        hints: from a nudge to nearly there, never the code.
        answers: functions or classes of the package that are the solution.
    """

    name: str
    chapter: int
    title: str
    difficulty: int
    minutes: int
    important: bool
    hints: list[str]
    answers: tuple[Callable[..., Any], ...]

    @property
    def heading(self) -> str:
        """The line above the exercise: title, difficulty, minutes, importance."""
        stars = "★" * self.difficulty + "☆" * (3 - self.difficulty)
        weight = "needed later" if self.important else "extra"
        return f"{self.title} ({stars}, {self.minutes} minutes, {weight})"


EXERCISES: dict[str, Exercise] = {}
STATE: dict[str, CheckResult] = {}  # the last verdict on each exercise in this kernel

Checker = Callable[[Any], CheckResult]


def exercise(*answers: Callable[..., Any]) -> Callable[[Callable[[Any], str]], Checker]:
    """Turn questions into a checker.

    The decorated function asks the answer questions. It raises `AnswerError` with a message, or
    returns what to say when all is right. Around it, the checker sees to everything else: an
    untouched stub, an answer that raises or never ends, and that random numbers, gradient mode and
    warnings are left as they were.

    Args:
        answers: functions or classes of the package that are the solution. Title, minutes and
            hints stand in exercises.toml, under the name of the function.
    """

    def decorate(ask: Callable[[Any], str]) -> Checker:
        facts = read_toml("exercises")[ask.__name__]
        about = Exercise(ask.__name__, **facts, answers=answers)
        EXERCISES[about.name] = about

        @functools.wraps(ask)
        def check(answer: Any) -> CheckResult:
            STATE[about.name] = _verdict(about, ask, answer)
            return STATE[about.name]

        return check

    return decorate


def _verdict(about: Exercise, ask: Callable[[Any], str], answer: Any) -> CheckResult:
    if is_untouched(answer):
        message = "Change the cell above and run both cells again."
        return CheckResult(about.name, False, False, message, about.hints)
    try:
        with (
            torch.random.fork_rng(devices=[]),
            torch.enable_grad(),
            warnings.catch_warnings(),
            StepLimit(guard.STEPS),
        ):
            warnings.simplefilter("ignore")
            torch.manual_seed(0)
            return CheckResult(about.name, True, True, ask(answer), ())
    except AnswerError as wrong:
        message = str(wrong)
    except TooManySteps:
        message = (
            f"After {guard.STEPS:,} steps your code was still running, so it was stopped. A right "
            "answer needs far fewer: is there a loop that never ends, or far too much work?"
        )
    except SystemExit:
        message = "Your code calls exit() or quit(), which ends the notebook's Python. Use return."
    except Exception as error:  # what the questions did not foresee must not stop the notebook
        message = (
            f"Your answer could not be checked: {type(error).__name__}: {error}. Does it take and "
            "return what the exercise says?"
        )
    return CheckResult(about.name, False, True, message, about.hints)
