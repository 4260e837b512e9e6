"""The same walk with numbers: what every row of a trace passes on."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import _disable_current_modes

from resnet_course.tracing.fields import Field
from resnet_course.tracing.meta import shared_copy
from resnet_course.tracing.rows import Trace
from resnet_course.tracing.steps import UNUSED
from resnet_course.tracing.tracer import follow


def trace_values(
    model: nn.Module, x: Tensor, table: Trace, note: Callable[[int, Tensor, Field | None], None]
) -> None:
    """Run `model` on a real batch, in evaluation mode, and hand out what each row gives.

    The model stays as it is: a copy runs that shares its parameters. What `note` gets may be
    overwritten by the next row, so it copies what it wants to keep.

    Args:
        model: any module that `trace` takes.
        x: a batch as the model takes it, on the model's device.
        table: what `trace(model, x)` has given.
        note: called with a row's number, its output (batch, …) and what that sees of the input.

    Raises:
        TraceError: the forward pass fails.
    """
    numbers = [number for number, row in enumerate(table) if row.kind != UNUSED]

    def unwatched(step: int, output: Tensor, field: Field | None) -> None:
        # What `note` computes is no part of the network.
        with torch._C.DisableTorchFunction(), _disable_current_modes():
            note(numbers[step], output, field)

    follow(model, [x], {}, shared_copy, unwatched)
