"""Follow a picture through a network: shapes, parameters, multiply-adds, receptive field.

`trace` runs the forward pass of a copy on PyTorch's meta device, where tensors have shapes but
no numbers. That takes a fraction of a second even for ResNet-152 and changes nothing in the model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.nn.utils.parametrize import type_before_parametrizations

from resnet_course.tracing.meta import example_inputs, meta_copy
from resnet_course.tracing.recorder import SHOWN, Call, Geometry, Recorder, tensors_in
from resnet_course.tracing.rows import LayerRow, Shortcut, Trace, TraceError, by, printable

# What PyTorch says when a forward pass wants numbers where there are only shapes.
NO_NUMBERS = re.compile(
    r"meta tensor|register_meta|meta device|Tensor\.__format__|data-dependent", re.IGNORECASE
)


def trace(model: nn.Module, input_shape: Sequence[Any] | Tensor) -> Trace:
    """Run `model` on a batch of the given shape, on the meta device, and list what happened.

    The model's weights, mode, buffers and hooks stay as they are; the copy that runs is in
    evaluation mode and without numbers.

    Args:
        model: any module, on any device.
        input_shape: (batch, channels, height, width), or (batch, features). Three numbers are
            read as one picture, (channels, height, width), one number as (features,). For any
            other input give an example tensor; for several inputs a list of shapes or tensors.

    Raises:
        TraceError: if the forward pass fails; it names the module and the shapes that met.
        ValueError: if input_shape is not a shape.
    """
    if isinstance(model, type):
        name = model.__name__
        raise ValueError(
            f"trace needs an nn.Module, got the class {name}: make a network first, {name}(…)."
        )
    if not isinstance(model, nn.Module):
        raise ValueError(f"trace needs an nn.Module, got {type(model).__name__}.")
    model = getattr(model, "_orig_mod", model)  # what torch.compile wraps
    dtypes = (p.dtype for p in model.parameters() if p.is_floating_point())
    inputs = example_inputs(input_shape, next(dtypes, torch.float32))
    try:
        ghost = meta_copy(model)
    except Exception as error:
        kind = type(model).__name__
        raise TraceError(f"{kind} cannot be copied for tracing: {error}", kind, []) from error
    return _Tracer(ghost, inputs).run()


class _Tracer:
    """Hooks on every module say where the forward pass is, a `Recorder` says what it does."""

    def __init__(self, model: nn.Module, inputs: list[Tensor]) -> None:
        self.model, self.inputs = model, inputs
        self.batch = inputs[0].shape[0]
        self.names = {module: printable(name) for name, module in model.named_modules()}
        self.stack: list[tuple[nn.Module, Any, list[Call]]] = []
        self.rows: list[LayerRow] = []
        self.shortcuts: list[Shortcut] = []
        self.counted: set[int] = set()
        self.recorder = Recorder(self.on_call)

    def run(self) -> Trace:
        for tensor in self.inputs:
            self.recorder.start(tensor)
        try:
            self.watch(self.model, set())
            with torch.no_grad(), torch.device("meta"), self.recorder:
                self.model(*self.inputs)
        except TraceError:
            raise
        except Exception as error:
            raise self.explain(error) from error
        return Trace(
            rows=tuple(self.rows),
            params=sum(p.numel() for p in self.model.parameters() if not is_lazy(p)),
            macs=sum(row.macs for row in self.rows),
            shortcuts=tuple(self.shortcuts),
        )

    def watch(self, module: nn.Module, seen: set[nn.Module]) -> None:
        """Hook a module and those inside it, down to the layers."""
        if module not in seen:
            seen.add(module)
            module.register_forward_pre_hook(self.enter, with_kwargs=True)
            module.register_forward_hook(self.leave)
            for child in () if self.is_layer(module) else module.children():
                self.watch(child, seen)

    def enter(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        self.stack.append((module, (args, kwargs), []))

    def leave(self, module: nn.Module, args: Any, result: Any) -> None:
        # A module whose error was caught has not left, so it may still lie on top.
        while self.stack[-1][0] is not module:
            self.stack.pop()
        _, given, calls = self.stack.pop()
        before, after = next(tensors_in(given), None), next(tensors_in(result), None)
        if before is not None and after is not None and self.is_layer(module):
            bit = self.add_row(kind_of(module), module, before, after, calls)
            origins = self.recorder.origins
            for tensor in tensors_in(result):
                if origin := origins.get(tensor):
                    origins[tensor] = replace(origin, layers=origin.layers | bit)

    def is_layer(self, module: nn.Module) -> bool:
        """A layer is a row of its own; what happens inside it is not shown."""
        if isinstance(module, nn.MultiheadAttention):
            return True
        # A layer with weight normalisation keeps it in a child module of this name.
        childless = all(name == "parametrizations" for name, _ in module.named_children())
        # A model written with functions only has no child modules: show its functions instead.
        own_code = not type(module).__module__.startswith("torch.")
        return childless and not (module is self.model and own_code)

    def on_call(self, call: Call) -> None:
        if not self.stack:
            return
        module = self.stack[-1][0]
        if self.is_layer(module):
            self.stack[-1][2].append(call)
        elif call.kind in SHOWN:
            if call.kind == "add":
                self.mark_shortcut(call.passed)
            bit = self.add_row(call.kind, module, call.inputs[0], call.output, [call])
            self.recorder.origins[call.output].layers |= bit

    def mark_shortcut(self, passed: list[int]) -> None:
        """Of two added terms, the layers that only the shorter one passed are the shortcut."""
        if len(passed) != 2:
            return
        a, b = passed
        short, long = sorted((a & ~b, b & ~a), key=int.bit_count)
        if short.bit_count() < long.bit_count():
            layers = tuple(i for i in range(short.bit_length()) if short >> i & 1)
            for i in layers:
                self.rows[i] = replace(self.rows[i], path="shortcut")
            # The last row that both terms have passed is where the paths part.
            start = (a & b).bit_length() - 1
            self.shortcuts.append(Shortcut(start, len(self.rows), layers))

    def add_row(
        self, kind: str, module: nn.Module, before: Tensor, after: Tensor, calls: list[Call]
    ) -> int:
        """Append a row and return its bit."""
        path = self.names[module]
        if self.is_layer(module):
            name = path or kind
            parameters = list(module.parameters())
        else:
            name = f"{path}.{kind}" if path else kind
            # The module's own tensors belong to the function that uses them.
            parameters = list(module.parameters(recurse=False)) if calls[0].macs else []
        fresh = {id(p): p.numel() for p in parameters if id(p) not in self.counted}
        self.counted |= fresh.keys()
        geometry = next((call.geometry for call in calls if call.geometry), Geometry())
        origin = self.recorder.origins.get(after)
        self.rows.append(
            LayerRow(
                name=name,
                kind=kind,
                stage=name.split(".")[0],
                path="main",
                in_shape=tuple(before.shape[1:]),
                out_shape=tuple(after.shape[1:]),
                **vars(geometry),
                params=sum(fresh.values()),
                macs=sum(call.macs for call in calls) // self.batch,
                receptive_field=max(origin.field, default=1) if origin else 1,
            )
        )
        return 1 << (len(self.rows) - 1)

    def explain(self, error: Exception) -> TraceError:
        """Say where the forward pass failed and which shapes met there."""
        module, given, _ = self.stack[-1] if self.stack else (self.model, self.inputs, [])
        kind = kind_of(module)
        path = self.names.get(module, "")
        where = f"{path} ({kind})" if path else kind
        shapes = [tuple(t.shape) for t in tensors_in(given)]
        says = f"PyTorch says: {error}"
        failure = self.recorder.failure
        built_for = expectation(module, shapes[0]) if shapes else ""
        if NO_NUMBERS.search(str(error)):
            message = (
                f"{where} asks for the numbers in a tensor, in an if, a mask or .item() perhaps. "
                f"Tracing has no numbers, only shapes: decide by shapes instead. {says}"
            )
        elif built_for and self.is_layer(module):
            shapes = [shapes[0], *(tuple(p.shape) for p in module.parameters(recurse=False))][:2]
            message = f"{where} was built for {built_for}, but it gets {by(shapes[0])}. {says}"
        elif failure and failure.error is error and len(failure.shapes) > 1:
            shapes = failure.shapes[:2]
            message = (
                f"{where}: {failure.kind} cannot join {by(shapes[0])} and {by(shapes[1])}. {says}"
            )
        else:
            message = (
                f"{where} fails on input {' and '.join(map(by, shapes))}. "
                f"{type(error).__name__}: {error}"
            )
        return TraceError(message, path or kind, shapes)


def kind_of(module: nn.Module) -> str:
    """Name a module's class; parametrizing a layer has replaced its class by another."""
    return printable(type_before_parametrizations(module).__name__)


def expectation(module: nn.Module, shape: Sequence[int]) -> str:
    """Say what a layer was built for, if one number tells it and the input's is another."""
    for attribute in ("in_channels", "num_features", "in_features"):
        wanted = getattr(module, attribute, None)
        if isinstance(wanted, int):
            word, axis = ("features", -1) if attribute == "in_features" else ("channels", 1)
            given = shape[axis] if len(shape) > 1 else None
            return f"{wanted} {word}" if wanted != given else ""
    return ""
