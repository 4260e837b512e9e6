"""The same walk with numbers: what every row of a trace passes on."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils._python_dispatch import _disable_current_modes

from resnet_course.tracing.fields import Field
from resnet_course.tracing.meta import shared_copy
from resnet_course.tracing.rows import Trace
from resnet_course.tracing.steps import UNUSED, Note
from resnet_course.tracing.tracer import follow


def trace_values(model: nn.Module, x: Tensor, table: Trace, note: Note) -> None:
    """Run `model` on a real batch, in evaluation mode, and hand out what each row gives.

    The model stays as it is: a copy runs that shares its parameters. What `note` gets may be
    overwritten by the next row, so it copies what it wants to keep.

    Args:
        model: any module that `trace` takes.
        x: a batch as the model takes it, on the model's device.
        table: what `trace(model, x)` has given.
        note: called with a row's number, its first input (which a function that writes in place
            has overwritten by now), its output (batch, …) and what that sees of the picture.

    Raises:
        TraceError: the forward pass fails.
        ValueError: the model has weights without numbers: lazy ones, or on the meta device.
    """
    for name, part in (*model.named_parameters(), *model.named_buffers()):
        if is_lazy(part) or part.is_meta:
            raise ValueError(f"{name} has no numbers yet.")
    numbers = [number for number, row in enumerate(table) if row.kind != UNUSED]

    def unwatched(step: int, given: Tensor, output: Tensor, field: Field | None) -> None:
        # What `note` computes is no part of the network.
        with torch._C.DisableTorchFunction(), _disable_current_modes():
            note(numbers[step], given, output, field)

    # Networks that write into their input, or draw random numbers, change nothing outside.
    with torch.random.fork_rng([x.device] if x.is_cuda else []):
        follow(model, [x.detach().clone()], {}, shared_copy, unwatched)
