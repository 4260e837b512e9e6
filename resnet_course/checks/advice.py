"""Help with an exercise: hints, the solution, what is done so far, whose answer goes on."""

from __future__ import annotations

import ast
import html
import inspect
import io
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from types import ModuleType
from typing import TypeVar

from IPython.display import Code

from resnet_course.checks.exercise import EXERCISES, STATE, Exercise, verdict
from resnet_course.checks.faults import read_toml
from resnet_course.checks.result import LOOKS, best, saved
from resnet_course.train.inputs import check_name

Answer = TypeVar("Answer")

_given: dict[str, int] = {}  # hints given so far


def _find(name: str) -> Exercise:
    name = getattr(name, "__name__", name)  # the checker itself will do as well
    check_name(name, list(EXERCISES), "exercise")
    return EXERCISES[name]


class Words(str):
    """Text that shows itself without quotation marks."""

    __repr__ = str.__str__


def hint(name: str) -> Words:
    """Return the next of the three hints; after the last one, the last one again.

    Args:
        name: of the exercise, "basic_block".

    Raises:
        ValueError: there is no such exercise.
    """
    about = _find(name)
    number = _given[about.name] = min(_given.get(about.name, 0) + 1, len(about.hints))
    return Words(f"Hint {number} of {len(about.hints)}: {about.hints[number - 1]}")


def solution(name: str) -> Code:
    """Return the package's own source, with what it imports: one right answer among many.

    Args:
        name: of the exercise, "basic_block".

    Raises:
        ValueError: there is no such exercise.
    """
    answers = _find(name).answers
    # The last ones are what the first one needs.
    sources = [inspect.getsource(answer).rstrip() for answer in reversed(answers)]
    imports = "\n".join(sorted(set().union(*(_imports(each, answers) for each in answers))))
    return Code("\n\n\n".join(filter(None, [imports, *sources])) + "\n", language="python")


def _imports(answer: Callable[..., object], shown: Sequence[object]) -> set[str]:
    """Return the import statements that the source of a function or class needs in a notebook.

    What is shown beside it needs none.
    """
    own, found = vars(sys.modules[answer.__module__]), set()
    for node in ast.walk(ast.parse(inspect.getsource(answer))):
        thing = own.get(node.id) if isinstance(node, ast.Name) else None
        if isinstance(thing, ModuleType):
            above, _, name = thing.__name__.rpartition(".")
            alias = f"import {thing.__name__} as {node.id}"
            if name == node.id:
                alias = f"from {above} import {name}" if above else f"import {name}"
            found.add(alias)
        elif thing is not None and thing not in shown:
            home = getattr(thing, "__module__", "")  # a constant and a name for a type have none
            known = getattr(sys.modules.get(home), node.id, None) is thing
            found.add(f"from {home if known else answer.__module__} import {node.id}")
    return found


def yours(name: str, answer: Answer, default: Answer) -> Answer:
    """Return the learner's answer if it is right, else the default, and print which of the two.

    The answer is checked anew: it may have changed since its check. The verdict is neither shown
    nor kept for the progress, and what the answer prints is not shown either.

    Args:
        name: of the exercise, "basic_block".
        answer: the learner's function or class, or its untouched stub.
        default: what the course uses in its place.

    Raises:
        ValueError: there is no such exercise.
    """
    about = _find(name)
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        passed = verdict(about, answer).passed
    if passed:
        print(f"The next cells use your {about.name}.")
        return answer
    print(f"The next cells use the course's {about.name}: yours has not passed its check yet.")
    return default


class Progress(dict[str, str]):
    """Name of an exercise → "passed", "wrong" or "untouched"; shows itself in a notebook."""

    def __repr__(self) -> str:
        lines = [self._caption()]
        for name, state in self.items():
            _, sign, word = LOOKS[state]
            title = self._chapter(name) + EXERCISES[name].title
            lines.append(f"{sign} {name:20} {word:18} {title}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td style='text-align:left'>{LOOKS[state][1]} {LOOKS[state][2]}</td>"
            f"<td style='text-align:left'><code>{html.escape(name)}</code></td>"
            f"<td style='text-align:left'>{self._chapter(name)}"
            f"{html.escape(EXERCISES[name].heading)}</td></tr>"
            for name, state in self.items()
        )
        return f"<table><caption>{self._caption()}</caption>{rows}</table>"

    def _chapter(self, name: str) -> str:
        several = len({EXERCISES[each].chapter for each in self}) > 1
        return f"{EXERCISES[name].chapter:02} · " if several else ""

    def _caption(self) -> str:
        done = sum(state == "passed" for state in self.values())
        return f"{done} of {len(self)} exercises passed"


def progress() -> Progress:
    """Return the state of every exercise of this chapter, or of all in chapter 00.

    Which chapter it is, its checks tell that have run in this kernel. In the learner's copy of the
    course (`resnet-course`) what other kernels have checked counts too.
    """
    chapters = {EXERCISES[name].chapter for name in STATE}
    names = [
        name
        for name in read_toml("exercises")
        if not chapters or EXERCISES[name].chapter in chapters
    ]
    now = {name: verdict.state for name, verdict in STATE.items()}
    before = saved()
    states = {
        name: best(*(found.get(name, "untouched") for found in (now, before))) for name in names
    }
    return Progress(states)
