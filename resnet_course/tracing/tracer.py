"""Follow a picture through a network: shapes, parameters, multiply-adds, receptive field.

`trace` runs the forward pass of a copy on PyTorch's meta device, where tensors have shapes but
no numbers. That takes a fraction of a second even for ResNet-152 and changes nothing in the model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList

from resnet_course.tracing.axes import (
    SEQUENCES,
    OtherAxesError,
    check_features,
    check_sequence,
    check_window,
    has_batch,
    picture_axes,
)
from resnet_course.tracing.errors import explain, kind_of, refuse_module
from resnet_course.tracing.functions import SHOWN, Geometry, with_padding_of
from resnet_course.tracing.meta import example_inputs, meta_copy
from resnet_course.tracing.origins import Operations, Origin, tensors_in
from resnet_course.tracing.recorder import Call, Recorder
from resnet_course.tracing.rows import Trace, TraceError, printable
from resnet_course.tracing.steps import Note, Steps


@torch.inference_mode(False)  # tensors of that mode do not tell what overwrites them
def trace(
    model: nn.Module,
    input_shape: Sequence[Any] | Tensor | dict[str, Any],
) -> Trace:
    """Run `model` on a batch of the given shape, on the meta device, and list what happened.

    The model's weights, mode, buffers and hooks stay as they are; the copy that runs is in
    evaluation mode and without numbers.

    Args:
        model: any module, on any device.
        input_shape: (batch, channels, height, width), or (batch, features). Three numbers are
            read as one picture, (channels, height, width), one number as (features,). For any
            other input give an example tensor, with or without a batch axis, as the model takes
            it. A list of shapes or tensors holds several inputs, a dictionary inputs by name.

    Raises:
        TraceError: if the forward pass fails; it names the module and the shapes that met.
        ValueError: if model or input_shape are not such.
    """
    model = getattr(model, "_orig_mod", model)  # what torch.compile wraps
    refuse_module(model)
    dtypes = (p.dtype for p in model.parameters() if p.is_floating_point())
    args, kwargs = example_inputs(input_shape, next(dtypes, torch.float32))
    return follow(model, args, kwargs, meta_copy)


def follow(
    model: nn.Module,
    args: list[Any],
    kwargs: dict[str, Any],
    copied: Callable[[nn.Module], nn.Module],
    note: Note | None = None,
) -> Trace:
    """Trace one forward pass of a copy; `note` hears of every step, see `Steps`."""
    batch_axis: int | None = 0
    steps = False
    while True:
        try:
            ghost = copied(model)
        except Exception as error:
            kind = type(model).__name__
            raise TraceError(f"{kind} cannot be copied for tracing: {error}", kind, []) from error
        try:
            return _Tracer(ghost, args, kwargs, batch_axis, steps, note).run()
        except OtherAxesError as found:
            batch_axis, steps = found.batch, found.steps


@dataclass
class _Frame:
    """A module that is running."""

    module: nn.Module
    given: tuple[Any, Any]
    inputs: list[tuple[Tensor, Origin | None, int]]  # with the version of its numbers
    macs: int
    left_out: int
    calls: list[Call]


class _Tracer:
    """Hooks on every module say where the forward pass is, a `Recorder` says what it does."""

    def __init__(
        self,
        model: nn.Module,
        args: Any,
        kwargs: Any,
        batch_axis: int | None,
        steps: bool = False,
        note: Note | None = None,
    ) -> None:
        self.model, self.args, self.kwargs = model, args, kwargs
        self.is_sequence = steps
        self.inputs = list(tensors_in((args, kwargs)))
        batch_axis = batch_axis if has_batch(self.inputs) else None
        self.batch_axis = batch_axis
        batch = 1 if batch_axis is None else self.inputs[0].shape[batch_axis]
        self.names = {module: printable(name) for name, module in model.named_modules()}
        self.stack: list[_Frame] = []
        self.returned_none = ""
        self.operations = Operations()
        self.steps = Steps(model, self.operations, batch_axis, batch)
        self.steps.note = note
        self.recorder = Recorder(self.operations, self.on_call)

    def run(self) -> Trace:
        for which, tensor in enumerate(self.inputs):
            self.operations.start(
                tensor, which, picture_axes(tensor, self.batch_axis, self.is_sequence)
            )
        try:
            self.watch(self.model, set())
            with torch.no_grad(), self.operations, self.recorder:
                result = self.model(*self.args, **self.kwargs)
        except OtherAxesError:
            raise
        except Exception as error:
            found = error if isinstance(error, TraceError) else self.explain(error)
            found.trace = self.steps.finished(None, whole=False) if self.steps.rows else None
            raise found from (None if found is error else error)
        if result is None:
            kind = kind_of(self.model)
            message = f"{kind} gives nothing: its forward has no return."
            raise TraceError(message, kind, [tuple(t.shape) for t in self.inputs])
        return self.steps.finished(result)

    def watch(self, module: nn.Module, seen: set[nn.Module]) -> None:
        """Hook a module and those inside it, down to the layers."""
        if module not in seen:
            seen.add(module)
            module.register_forward_pre_hook(self.enter, with_kwargs=True)
            module.register_forward_hook(self.leave)
            for child in () if self.is_layer(module) else module.children():
                self.watch(child, seen)
            for part in module.modules() if self.is_layer(module) else ():
                if isinstance(part, ParametrizationList):
                    self.leave_out(part)

    def leave_out(self, parametrization: nn.Module) -> None:
        """Making a weight of others costs the same for any number of pictures: not counted."""
        before = []
        operations = self.operations

        def enter(*_: Any) -> None:
            before.append((operations.macs, len(operations.uncounted)))

        def leave(*_: Any) -> None:
            operations.macs, left_out = before.pop()
            del operations.uncounted[left_out:]

        parametrization.register_forward_pre_hook(enter)
        parametrization.register_forward_hook(leave)

    def enter(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        tensors = list(tensors_in((args, kwargs)))
        origins = self.operations.origins
        inputs = [(t, origins.get(t), _version(t)) for t in tensors]
        macs, left_out = self.operations.macs, len(self.operations.uncounted)
        self.stack.append(_Frame(module, (args, kwargs), inputs, macs, left_out, []))
        if isinstance(module, SEQUENCES) and tensors and self.batch_axis == 0:
            alone = len(self.stack) == 1
            given = self.inputs[0]
            check_sequence(module, tensors[0], given, alone=alone, steps=self.is_sequence)

    def leave(self, module: nn.Module, args: Any, result: Any) -> Any:
        # A module whose error was caught has not left, so it may still lie on top.
        while self.stack[-1].module is not module:
            self.stack.pop()
        frame = self.stack.pop()
        if result is None and self.names[module]:
            self.returned_none = f"{self.names[module]} ({kind_of(module)})"
        after = next(tensors_in(result), None)
        if not frame.inputs or after is None or not self.is_layer(module):
            return None
        for tensor, _, version in frame.inputs:
            if tensor is result and _version(tensor) == version:
                result = after = torch.ops.aten.alias(tensor)  # not changed: nn.Identity
        kind = kind_of(module)
        moves = (call.geometry for call in frame.calls if call.geometry.kernel)
        meetings = (call.how for call in frame.calls if call.how)
        how = "attend" if isinstance(module, SEQUENCES) else next(meetings, "")
        inputs = [(t, origin) for t, origin, _ in frame.inputs if origin]
        inputs.sort(key=lambda each: each[1].field is None)
        call = Call(
            kind=kind,
            inputs=inputs or [(frame.inputs[0][0], Origin())],
            outputs=list(tensors_in(result)),
            geometry=with_padding_of(module, next(moves, Geometry())),
            how=how,
            macs=self.operations.macs - frame.macs,
            uncounted=self.operations.uncounted[frame.left_out :],
        )
        self.steps.add(self.names[module] or kind, call, module.parameters())
        return result

    def is_layer(self, module: nn.Module) -> bool:
        """A layer is a row of its own; what happens inside it is not shown."""
        if isinstance(module, nn.MultiheadAttention):
            return True
        # A model written with functions only has no child modules: show its functions instead.
        own_code = not type(module).__module__.startswith("torch.")
        return is_innermost(module) and not (module is self.model and own_code)

    def lies_as_given(self, call: Call) -> bool:
        """Do the axes of what goes in lie as in an input? After x / 255 and dropout they do."""
        fields = [self.operations.field(given) for given in self.inputs]
        came = call.inputs[0][1].field if call.inputs else None
        return came is not None and any(f and f.varies == came.varies for f in fields)

    def on_call(self, call: Call) -> None:
        if not self.stack:
            return
        is_first = not any(row.kernel or row.params for row in self.steps.rows)
        if self.batch_axis is not None and is_first and self.lies_as_given(call):
            check_window(call.geometry, call.inputs[0][0])
            check_features(call.kind, call.inputs[0][0], self.is_sequence)
        frame = self.stack[-1]
        if self.is_layer(frame.module):
            frame.calls.append(call)
            return
        origin = self.operations.origins.get(call.outputs[0], Origin())
        fresh = origin.parameters - self.steps.counted
        ways = [set(o.sources) for _, o in call.inputs if o.sources]
        meet = len(ways) > 1 and not any(way == set().union(*ways) for way in ways)
        shown = call.kind in SHOWN or fresh or meet
        if (shown and origin.field) or call.macs or call.uncounted:
            path = self.names[frame.module]
            owners = self.steps.modules_of(fresh)
            if len(owners) == 1 and owners != {path}:
                name = owners.pop() or call.kind  # F.linear(x, self.fc.weight) is fc
            else:
                name = f"{path}.{call.kind}" if path else call.kind
            call.inputs = call.inputs or [(call.outputs[0], Origin())]
            self.steps.add(name, call)

    def explain(self, error: Exception) -> TraceError:
        """Say where the forward pass failed."""
        frame = self.stack[-1] if self.stack else None
        module = frame.module if frame else self.model
        return explain(
            module,
            self.names.get(module, ""),
            frame.given if frame else self.inputs,
            error,
            self.recorder.failure,
            is_layer=self.is_layer(module),
            returned_none=self.returned_none,
        )


def is_innermost(module: nn.Module) -> bool:
    """Has a module no layers inside? With weight normalisation it keeps weights in a child."""
    return all(name == "parametrizations" for name, _ in module.named_children())


def _version(tensor: Tensor) -> int:
    """How often has a tensor been changed in place? In inference mode nobody counts."""
    return 0 if tensor.is_inference() else tensor._version
