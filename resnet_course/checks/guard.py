"""Run a learner's code so that nothing it does stops the notebook."""

from __future__ import annotations

import ctypes
import linecache
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch

Result = TypeVar("Result")


class AnswerError(Exception):
    """The answer is wrong, and the message says how: the way in which a checker speaks."""


class TimeIsUp(BaseException):
    """Raised inside code that runs too long; `except Exception` does not catch it."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `TimeIsUp` in this thread after so many seconds.

    Signals would be simpler, but Windows has none, and they reach only the main thread. A single
    long call into C, such as a huge matrix product, ends before the exception arrives.
    """
    thread = threading.get_ident()
    armed, done = threading.Event(), threading.Event()
    lock = threading.Lock()

    def watch() -> None:
        armed.wait()
        wait = seconds
        while not done.wait(wait):
            with lock:
                if not done.is_set():
                    _raise_in(thread, TimeIsUp)
            wait = 0.5  # code that catches everything is told again

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        armed.set()  # not earlier: an exception in the middle of start() would be in nobody's care
        yield
    finally:
        while True:
            try:
                with lock:
                    done.set()
                break
            except TimeIsUp:  # it arrived just now
                continue
        _raise_in(thread, None)


def _raise_in(thread: int, error: type[BaseException] | None) -> None:
    """Raise `error` in another thread, soon; None takes back what has not yet been raised."""
    what = None if error is None else ctypes.py_object(error)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), what)


def call(answer: Callable[..., Result], *arguments: Any, **options: Any) -> Result:
    """Call the learner's code; an error in it becomes a `AnswerError` that names the line.

    Args:
        answer: their function, class or module.
        arguments: for it, by position: learners may rename parameters.
        options: for it, by name.
    """
    try:
        return answer(*arguments, **options)
    except AnswerError:
        raise
    except Exception as error:
        where = _place(error)
        shown = ", ".join([*map(show, arguments), *(f"{k}={show(v)}" for k, v in options.items())])
        raise AnswerError(
            f"Called with ({shown}), your code stopped with {type(error).__name__}: "
            f"{str(error).rstrip('.') or 'no message'}{where}."
        ) from error


def _place(error: Exception) -> str:
    """Return the last line of the learner's own code on the way to the error."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        written_here = "ipykernel" in frame.filename or frame.filename.startswith("<")
        if written_here and (line := linecache.getline(frame.filename, frame.lineno or 0).strip()):
            return f" (in your line {frame.lineno}: {line})"
    return ""


def show(value: Any) -> str:
    """Write a value as a message should: tensors by shape, modules by class."""
    if isinstance(value, torch.nn.Module):
        return f"a {type(value).__name__}"
    if isinstance(value, torch.Tensor):
        if value.ndim == 0 and not value.is_meta:
            return f"a tensor with the number {value.item():.6g}"
        return f"a tensor of shape ({', '.join(map(str, value.shape))})"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = " ".join((getattr(value, "__name__", None) or repr(value)).split())
    return text if len(text) < 80 else text[:77] + "..."
