"""Make a learner's module, and look whether it and its output are what they should be."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from resnet_course.checks.guard import AnswerError, call, made_first, show
from resnet_course.tracing.rows import by

NO_SUPER = "Does __init__ call super().__init__() first? Nothing can be kept before that."


def build(answer: Callable[..., Any], *arguments: Any) -> nn.Module:
    """Make the learner's module.

    Raises:
        AnswerError: what came is no module.
    """
    if isinstance(answer, nn.Module):
        raise AnswerError(
            f"Expected the class (or a function that makes the module), got {show(answer)} that is "
            "already made. Leave out the brackets and what is in them."
        )
    module = call_to_make(answer, *arguments)
    check_module(module)
    return module


def call_to_make(answer: Callable[..., Any], *arguments: Any) -> Any:
    """Call what makes a module, and explain what happens without super().__init__()."""
    try:
        module = call(answer, *arguments)
    except AnswerError as wrong:
        if re.search("before Module.__init__|has no attribute '_", str(wrong)):
            raise AnswerError(f"{wrong} {NO_SUPER}") from wrong.__cause__
        raise
    if isinstance(module, nn.Module) and "_modules" not in vars(module):
        raise AnswerError(f"Your module is not set up. {NO_SUPER}")
    return module


def check_module(module: Any) -> None:
    """Complain about what is no module on the CPU in single precision.

    Raises:
        AnswerError: it is not.
    """
    if module is None:
        raise AnswerError("Your function returned None: is there a return?")
    if not isinstance(module, nn.Module):
        raise AnswerError(
            f"Expected an nn.Module, got a value of type {type(module).__name__}. A class needs "
            "(nn.Module) behind its name; a function must return a module."
        )
    for part in module.parameters():
        if part.device.type != "cpu":
            raise AnswerError(
                f"Its parameters are on the device {part.device}. Make them as they come, on the "
                "CPU: whoever uses the module moves it."
            )
        if part.dtype != torch.float32:
            raise AnswerError(f"Its parameters are {part.dtype}: expected torch.float32.")


def check_output(output: Any, x: Tensor) -> None:
    """Complain if forward gives no tensor, or one of another type or on another device."""
    if output is None:
        raise AnswerError("forward returned None: is there a return at its end?")
    if isinstance(output, nn.Module):
        raise AnswerError(f"forward returned a layer. {made_first(type(output).__name__)}")
    if not isinstance(output, Tensor):
        raise AnswerError(
            f"forward must return one tensor, got a value of type {type(output).__name__}. Return "
            "the output alone."
        )
    if not output.numel():
        raise AnswerError(f"The output is empty: its shape is {tuple(output.shape)}.")
    if output.device != x.device:
        raise AnswerError(f"The output is on the device {output.device}, the input on {x.device}.")
    if output.dtype != x.dtype:
        raise AnswerError(f"The output has type {output.dtype}, the input {x.dtype}.")


def sizes(shape: tuple[int, ...]) -> str:
    """Write the shape of a batch without its batch axis: 64×56×56."""
    return by(tuple(shape)[1:])
