"""The same walk with numbers: what every row of a trace passes on."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import _disable_current_modes

from resnet_course.tracing.fields import Field
from resnet_course.tracing.meta import shared_copy
from resnet_course.tracing.rows import Trace
from resnet_course.tracing.steps import UNUSED, Note
from resnet_course.tracing.tracer import follow


@torch.inference_mode(False)  # as in `trace`
def trace_values(model: nn.Module, x: Tensor, table: Trace, note: Note) -> Any:
    """Run `model` on a real batch, in evaluation mode, and hand out what each row gives.

    The model stays as it is: a copy runs that shares its parameters; x and
    the random numbers stay too.

    Args:
        model: any module that `trace` takes, without lazy layers.
        x: a batch as the model takes it, on the model's device.
        table: what `trace(model, x)` has given.
        note: called with a row's number, its first input and its output (batch, …), and the
            `Field` that the output sees, or None. It copies what it wants to keep: the next row
            may overwrite it, and the row itself may have overwritten its input.

    Returns:
        What the model gives. It may differ from what the last row gives: `-x` is no row.

    Raises:
        TraceError: the forward pass fails.
    """
    model = getattr(model, "_orig_mod", model)  # what torch.compile wraps
    numbers = [number for number, row in enumerate(table) if row.kind != UNUSED]

    def unwatched(step: int, came: Tensor, value: Tensor, field: Field | None) -> None:
        # What `note` computes is no part of the network.
        with torch._C.DisableTorchFunction(), _disable_current_modes():
            note(numbers[step], came, value, field)

    results = []

    def copied(model: nn.Module) -> nn.Module:
        ghost = shared_copy(model)
        ghost.register_forward_hook(lambda *given: results.append(given[-1]))
        return ghost

    with torch.random.fork_rng([x.device] if x.is_cuda else []):
        follow(model, [x.detach().clone()], {}, copied, unwatched)
    return results[-1]
