"""Run a learner's code so that nothing it does stops the notebook."""

from __future__ import annotations

import functools
import linecache
import os
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import torch
from torch import nn

from resnet_course.checks.wording import made_first, said, show

Result = TypeVar("Result")

STEPS = 5_000_000  # right answers, clumsy ones too, need some hundred thousand
LIBRARY_CALL = 100  # steps for each call of a library
LIBRARIES = ["<frozen", "site-packages", "dist-packages"]
FOLDERS = (Path(__file__).parents[1], Path(os.__file__).parent, Path(torch.__file__).parent)
LIBRARIES += [f"{folder}{os.sep}" for folder in FOLDERS]  # the separator: not resnet_course-mine
CONTAINERS = (nn.ModuleList, nn.ModuleDict)
WITH_WEIGHT = (nn.Linear, nn.modules.conv._ConvNd, nn.modules.batchnorm._NormBase)
NAMED = r"\b([A-Z]\w+)\b(?:' object has no attribute '(\w+)')?"  # in an error: a class, perhaps


class AnswerError(Exception):
    """The answer is wrong, and the message says how: the way in which a checker speaks."""


class TooManySteps(BaseException):
    """Raised in code that never ends; `except Exception` does not catch it.

    Python gives up a trace function that raises. Code that catches even this error throws it away
    afterwards, and that is when tracing begins again: the next line raises the next one.
    """

    def __init__(self, limit: StepLimit) -> None:
        super().__init__()
        self.limit = limit

    def __del__(self) -> None:
        self.limit.resume(sys._getframe(1))


class StepLimit:
    """Raise `TooManySteps` when the learner's code has taken so many steps of Python.

    Steps are counted, not seconds: then a busy computer changes no verdict. What libraries do
    inside counts for nothing, so they stay as fast as they are.
    """

    def __init__(self, steps: int) -> None:
        self.left, self.over = steps, False

    def __enter__(self) -> None:
        self.before = sys.gettrace()  # a debugger's, perhaps
        sys.settrace(self.trace)

    def __exit__(self, *error: object) -> None:
        self.over = True
        sys.settrace(self.before)

    def trace(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        """Count one step; Python calls this at every call, line and instruction."""
        file, back = frame.f_code.co_filename, frame.f_back
        own = is_learners(file)
        if self.over or file == __file__:  # or this very module, below the learner's code
            return None
        if own:
            self.left -= 1
            frame.f_trace_opcodes = True  # Python 3.11 sees no lines in a loop on a single line
        elif back and is_learners(back.f_code.co_filename):
            self.left -= LIBRARY_CALL
        if self.left < 0:
            raise TooManySteps(self)
        return self.trace if own else None

    def resume(self, frame: FrameType | None) -> None:
        """Trace again, in the functions that are running too."""
        if self.over:
            return
        sys.settrace(self.trace)
        while frame:
            if is_learners(frame.f_code.co_filename):
                frame.f_trace = self.trace
            frame = frame.f_back


@functools.cache
def is_learners(file: str) -> bool:
    """Say whether a file is the learner's: a cell of a notebook, or a file of their own."""
    return not any(library in file for library in LIBRARIES)


def call(answer: Callable[..., Result], *arguments: Any) -> Result:
    """Call the learner's code; an error in it becomes an `AnswerError` that names the line.

    Arguments go by position: learners may rename parameters.
    """
    try:
        return answer(*arguments)
    except AnswerError:
        raise
    except Exception as error:
        shown = ", ".join(map(show, arguments))
        raise AnswerError(
            f"Called with ({shown}), your code stopped with {type(error).__name__}: "
            f"{said(error).rstrip('.') or 'no message'}{_place(error)}.{_layer(said(error))}"
        ) from error


def _place(error: Exception) -> str:
    """Return the last line in a cell of the notebook on the way to the error."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        written_here = "ipykernel" in frame.filename or frame.filename.startswith("<")
        if written_here and (line := linecache.getline(frame.filename, frame.lineno or 0).strip()):
            return f" (in your line {frame.lineno}: {line})"
    return ""


def _layer(text: str) -> str:
    """Explain an error about a layer where a tensor should be, as from F.relu(nn.ReLU(x))."""
    if re.search("__init__|cannot assign", text):
        return ""
    for name, attribute in re.findall(NAMED, text):
        kind = getattr(nn, name, nn.Module)
        layer = isinstance(kind, type) and issubclass(kind, nn.Module) and kind is not nn.Module
        # Another slip: a list of layers was called, or layer.grad written for layer.weight.grad.
        other = layer and issubclass(kind, CONTAINERS + (WITH_WEIGHT if attribute else ()))
        if layer and not other and hasattr(torch.Tensor, attribute or "shape"):
            return f" {made_first(name)}"
    return ""
