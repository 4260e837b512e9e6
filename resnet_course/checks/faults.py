"""What checkers complain about: the tables of faults.toml, and how to ask them.

>>> check("whole", got=3.5, value=3.5)
AnswerError: Expected a whole number (int), got 3.5 (float). A count is an int, not a float. ...
"""

from __future__ import annotations

import functools
import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from numbers import Real
from pathlib import Path
from types import CodeType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from resnet_course.checks.guard import AnswerError
from resnet_course.checks.wording import described, made_first, said, show, some
from resnet_course.tracing.rows import by

FOLDER = Path(__file__).parent


@functools.cache
def read_toml(name: str) -> dict[str, Any]:
    """Return a file of tables: "exercises", "faults" or "mistakes"."""
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


@functools.cache
def read_parts(name: str) -> dict[str, str]:
    """Return the parts of a text file, "block_mistakes": title → lines."""
    text = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    titles = re.split(r"^\[(.+)\]\n", text, flags=re.MULTILINE)
    return dict(zip(titles[1::2], titles[2::2], strict=True))


def fault(table: str, **facts: Any) -> str:
    """Return what to say about the first fault of a table; "" if there is none."""
    for condition, words in read_toml("faults")[table].items():
        if it := value_of(condition, facts):
            return filled(words, facts | {"it": it}).rstrip()
    return ""


def check(table: str, **facts: Any) -> None:
    """Raise `AnswerError` if there is a fault of this table."""
    if words := fault(table, **facts):
        raise AnswerError(words)


@contextmanager
def explained(table: str, **facts: Any) -> Iterator[None]:
    """Add to the message of an `AnswerError` what a table says about it.

    The table also gets the message, `text`, and the `error` in the learner's code, or None.
    """
    try:
        yield
    except AnswerError as wrong:
        error = wrong.__cause__
        words = fault(table, text=str(wrong), error=error, **facts)
        raise AnswerError(f"{wrong} {words}".rstrip()) from error


@contextmanager
def located(where: str) -> Iterator[None]:
    """Put before the message of an `AnswerError` where it was."""
    try:
        yield
    except AnswerError as wrong:
        raise AnswerError(f"{where}: {wrong}") from wrong.__cause__


def filled(words: str, facts: dict[str, Any]) -> str:
    """Fill in what stands in braces, code that uses these facts."""
    return value_of(f'f"""{words}"""', facts)


def value_of(code: str, facts: dict[str, Any]) -> Any:
    """Return the value of an expression."""
    return eval(_compiled(code), KNOWN | facts)


@functools.cache
def _compiled(code: str) -> CodeType:
    """Compile an expression as code of this file, whose steps are not counted as the learner's."""
    return compile(code, __file__, "eval")


# What the code in a table may use besides the facts.
KNOWN = {"math": math, "re": re, "torch": torch, "nn": nn, "Tensor": Tensor, "Real": Real}
KNOWN |= {"Mapping": Mapping, "BatchNorm": _BatchNorm}
KNOWN |= {each.__name__: each for each in (by, described, fault, made_first, said, show, some)}
