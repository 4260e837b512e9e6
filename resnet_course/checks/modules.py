"""Make a learner's module, and look whether it is what it should be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from resnet_course.checks.faults import check, explained


def build(answer: Callable[..., Any], *arguments: Any) -> nn.Module:
    """Make the learner's module, on the CPU and in single precision."""
    check("answer", answer=answer)
    module = call_to_make(answer, *arguments)
    check("module", module=module)
    return module


def call_to_make(answer: Callable[..., Any], *arguments: Any) -> Any:
    """Call what makes a module, and explain what happens without super().__init__()."""
    module = explained("error_in_init", answer, *arguments)
    check("made", module=module)
    return module
