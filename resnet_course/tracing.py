"""Follow a picture through a network: shapes, parameters, multiply-adds, receptive field.

`trace` runs the forward pass of a copy on PyTorch's meta device, where tensors have shapes but
no numbers. That takes a fraction of a second even for ResNet-152 and changes nothing in the model.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter, is_lazy

from resnet_course.recorder import SHOWN, Call, CallError, Recorder, tensors_in
from resnet_course.rows import LayerRow, Trace, TraceError, by

__all__ = ["LayerRow", "Trace", "TraceError", "by", "trace"]


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
    if not isinstance(model, nn.Module):
        raise ValueError(f"trace needs an nn.Module, got {type(model).__name__}.")
    model = getattr(model, "_orig_mod", model)  # what torch.compile wraps
    dtypes = (p.dtype for p in model.parameters() if p.is_floating_point())
    inputs = example_inputs(input_shape, next(dtypes, torch.float32))
    return _Tracer(meta_copy(model), inputs).run()


def example_inputs(shape: Sequence[Any] | Tensor, dtype: torch.dtype) -> list[Tensor]:
    """Turn a shape, a tensor or a list of those into meta tensors with a batch axis."""
    if isinstance(shape, Tensor):
        return [torch.empty_like(shape, device="meta")]
    shape = tuple(shape)
    if shape and not all(isinstance(n, int) for n in shape):
        return [example for each in shape for example in example_inputs(each, dtype)]
    if not shape or any(n < 1 for n in shape):
        raise ValueError(
            f"input_shape must be positive integers such as (1, 3, 224, 224), got {shape}."
        )
    if len(shape) in (1, 3):
        shape = (1, *shape)
    return [torch.empty(shape, dtype=dtype, device="meta")]


def meta_copy(model: nn.Module) -> nn.Module:
    """Copy a module so that all its tensors lie on the meta device; no weight is copied."""
    memo = {id(tensor): _meta_tensor(tensor) for tensor in _all_tensors(model, set())}
    ghost = copy.deepcopy(model, memo).eval()
    for module in ghost.modules():
        # The learner's hooks stay with the learner's model; lazy layers need theirs to wake up.
        if not any(is_lazy(p) for p in module.parameters(recurse=False)):
            module._forward_hooks.clear()
            module._forward_pre_hooks.clear()
    return ghost


def _all_tensors(value: Any, seen: set[int]) -> Iterator[Tensor]:
    """Yield every tensor a module holds, also in plain lists that PyTorch does not look into."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (nn.Module, dict, list, tuple)) and id(value) not in seen:
        seen.add(id(value))
        if isinstance(value, nn.Module):
            value = vars(value)
        for each in list(value.values()) if isinstance(value, dict) else value:
            yield from _all_tensors(each, seen)


def _meta_tensor(tensor: Tensor) -> Tensor:
    if is_lazy(tensor):
        kind = UninitializedParameter if isinstance(tensor, nn.Parameter) else UninitializedBuffer
        return kind(device="meta")
    ghost = torch.empty_like(tensor, device="meta", requires_grad=False)
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(ghost, requires_grad=tensor.requires_grad)
    return ghost


class _Tracer:
    """Hooks on every module say where the forward pass is, a `Recorder` says what it does."""

    def __init__(self, model: nn.Module, inputs: list[Tensor]) -> None:
        self.model, self.inputs = model, inputs
        self.batch = inputs[0].shape[0]
        self.names = {module: name for name, module in model.named_modules()}
        self.stack: list[tuple[nn.Module, Any, list[Call]]] = []
        self.rows: list[LayerRow] = []
        self.counted: set[int] = set()
        self.recorder = Recorder(self.on_call)

    def run(self) -> Trace:
        for tensor in self.inputs:
            self.recorder.start(tensor)
        for module in list(self.names):
            module.register_forward_pre_hook(self.enter, with_kwargs=True)
            module.register_forward_hook(self.leave)
        try:
            with torch.device("meta"), self.recorder:
                self.model(*self.inputs)
        except TraceError:
            raise
        except Exception as error:
            raise self.explain(error) from error
        return Trace(
            rows=tuple(self.rows),
            params=sum(p.numel() for p in self.model.parameters() if not is_lazy(p)),
            macs=sum(row.macs for row in self.rows),
        )

    def enter(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        self.stack.append((module, (args, kwargs), []))

    def leave(self, module: nn.Module, args: Any, result: Any) -> None:
        _, given, calls = self.stack.pop()
        before, after = next(tensors_in(given), None), next(tensors_in(result), None)
        if before is not None and after is not None and self.is_layer(module):
            bit = self.add_row(type(module).__name__, module, before, after, calls)
            for tensor in tensors_in(result):
                if origin := self.recorder.origin(tensor):
                    self.recorder.origins[id(tensor)] = (
                        tensor,
                        replace(origin, layers=origin.layers | bit),
                    )

    def is_layer(self, module: nn.Module) -> bool:
        """A layer is a row of its own; what happens inside it is not shown."""
        if isinstance(module, nn.MultiheadAttention):
            return True
        childless = next(module.children(), None) is None
        # A model written with functions only has no child modules: show its functions instead.
        own_code = not type(module).__module__.startswith("torch.")
        return childless and not (module is self.model and own_code)

    def on_call(self, call: Call) -> None:
        if not self.stack:
            return
        module = self.stack[-1][0]
        if self.is_layer(module):
            self.stack[-1][2].append(call)
            return
        if call.kind not in SHOWN:
            return
        if call.kind == "add":
            self.mark_shortcut(call.inputs)
        bit = self.add_row(call.kind, module, call.inputs[0], call.output, [call])
        origin = self.recorder.origin(call.output)
        assert origin is not None  # the recorder has just written it
        origin.layers |= bit

    def mark_shortcut(self, terms: list[Tensor]) -> None:
        """Of two added terms, the layers that only the shorter one passed are the shortcut."""
        if len(terms) != 2:
            return
        a, b = (self.recorder.origins[id(t)][1].layers for t in terms)
        short, long = sorted((a & ~b, b & ~a), key=int.bit_count)
        if short.bit_count() < long.bit_count():
            for i in range(short.bit_length()):
                if short >> i & 1:
                    self.rows[i] = replace(self.rows[i], path="shortcut")

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
        geometry = next((call.geometry for call in calls if call.geometry), None)
        origin = self.recorder.origin(after)
        self.rows.append(
            LayerRow(
                name=name,
                kind=kind,
                stage=name.split(".")[0],
                path="main",
                in_shape=tuple(before.shape[1:]),
                out_shape=tuple(after.shape[1:]),
                kernel=geometry.kernel if geometry else None,
                stride=geometry.stride if geometry else None,
                padding=geometry.padding if geometry else None,
                groups=geometry.groups if geometry else None,
                params=sum(fresh.values()),
                macs=sum(call.macs for call in calls) // self.batch,
                receptive_field=max(origin.field, default=1) if origin else 1,
            )
        )
        return 1 << (len(self.rows) - 1)

    def explain(self, error: Exception) -> TraceError:
        """Say where the forward pass failed and which shapes met there."""
        module, given, _ = self.stack[-1] if self.stack else (self.model, self.inputs, [])
        kind = type(module).__name__
        path = self.names.get(module, "")
        where = f"{path} ({kind})" if path else kind
        shapes = [tuple(t.shape) for t in tensors_in(given)]
        says = f"PyTorch says: {error}"
        built_for = expectation(module)
        if built_for and shapes and self.is_layer(module):
            shapes = [shapes[0], *(tuple(p.shape) for p in module.parameters(recurse=False))][:2]
            message = f"{where} was built for {built_for}, but it gets {by(shapes[0])}. {says}"
        elif isinstance(error, CallError) and len(error.shapes) > 1:
            shapes = error.shapes[:2]
            message = (
                f"{where}: {error.kind} cannot join {by(shapes[0])} and {by(shapes[1])}. {says}"
            )
        else:
            inner = error.error if isinstance(error, CallError) else error
            message = (
                f"{where} fails on input {' and '.join(map(by, shapes))}. "
                f"{type(inner).__name__}: {error}"
            )
        return TraceError(message, path or kind, shapes)


def expectation(module: nn.Module) -> str:
    """Say what a layer was built for, where one number tells it."""
    for attribute in ("in_channels", "num_features", "in_features"):
        if isinstance(getattr(module, attribute, None), int):
            word = "features" if attribute == "in_features" else "channels"
            return f"{getattr(module, attribute)} {word}"
    return ""
