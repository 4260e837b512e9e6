"""Make a learner's module, and look whether it is what it should be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from resnet_course.checks.faults import check, explained


def build(answer: Callable[..., Any], *arguments: Any) -> nn.Module:
    """Make the learner's module; see `check_module`."""
    check("answer", answer=answer)
    module = call_to_make(answer, *arguments)
    check_module(module)
    return module


def call_to_make(answer: Callable[..., Any], *arguments: Any) -> Any:
    """Call what makes a module, and explain what happens without super().__init__()."""
    module = explained("error_in_init", answer, *arguments)
    check("made", module=module)
    return module


def check_module(module: Any) -> None:
    """Raise `AnswerError` for what is no module on the CPU in single precision."""
    check("module", module=module)
    for part in module.parameters():
        check("parameter", part=part)
