"""Look for what is wrong in the tables of faults.toml: conditions, and what to say."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from types import CodeType
from typing import Any

import torch
from torch import Tensor, nn

from resnet_course.checks.guard import AnswerError, call, made_first, show
from resnet_course.checks.texts import read_toml
from resnet_course.checks.values import refuse
from resnet_course.tracing.rows import by


def fault(table: str, **names: Any) -> str:
    """Return what to say about the first fault of a table; "" if there is none."""
    for condition, words in read_toml("faults")[table].items():
        if it := value_of(condition, names):
            return filled(words, names | {"it": it}).rstrip()
    return ""


def check(table: str, **names: Any) -> None:
    """Raise `AnswerError` if there is a fault of this table."""
    words = fault(table, **names)
    refuse(words, words)


def explained(table: str, answer: Callable[..., Any], *arguments: Any) -> Any:
    """Call the learner's code; add to the message of an error what the table says about it."""
    try:
        return call(answer, *arguments)
    except AnswerError as wrong:
        words = f"{wrong} {fault(table, text=str(wrong))}".rstrip()
        raise AnswerError(words) from wrong.__cause__


def filled(words: str, names: dict[str, Any]) -> str:
    """Fill in what stands in braces, code that uses these names."""
    return value_of(f'f"""{words}"""', names)


def value_of(code: str, names: dict[str, Any]) -> Any:
    """Return the value of an expression."""
    return eval(_compiled(code), KNOWN | names)


@functools.cache
def _compiled(code: str) -> CodeType:
    """Compile an expression as code of this file, whose steps are not counted as the learner's."""
    return compile(code, __file__, "eval")


KNOWN = {"re": re, "torch": torch, "nn": nn, "Tensor": Tensor}
KNOWN |= {"by": by, "show": show, "made_first": made_first, "fault": fault}
