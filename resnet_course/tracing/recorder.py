"""Watch every torch function that a forward pass calls.

`Recorder` is told of each by PyTorch, as an active `TorchFunctionMode`: of `nn.Conv2d(...)(x)`,
`F.conv2d(x, weight)`, `x + y` and `torch.flatten(x, 1)` alike. So it needs no special layers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from resnet_course.tracing.dtypes import refuse_types
from resnet_course.tracing.functions import MEETINGS, RECURRENT, Geometry, geometry_of, plain_name
from resnet_course.tracing.origins import Operations, Origin, tensors_in
from resnet_course.tracing.rows import Shape


@dataclass
class Failure:
    """A torch function that failed: its error, its name and the shapes of the tensors it got."""

    error: Exception
    kind: str
    shapes: list[Shape]


@dataclass
class Call:
    """What one function or layer did: enough to fill a row.

    Attributes:
        kind: its plain name, or the class of the layer.
        inputs: the tensors it got that come from the network's input (these first) or from its
            parameters, and how they came to be before (`out += x` makes one tensor of both).
        outputs: the tensors it gave; of a function, the first.
        geometry: of a window that moves.
        how: several ways meet in it, see `Edge`.
        macs: multiply-adds, for the whole batch.
        uncounted: products that were left out of them.
    """

    kind: str
    inputs: list[tuple[Tensor, Origin]]
    outputs: list[Tensor]
    geometry: Geometry
    how: str
    macs: int
    uncounted: list[str]


class Recorder(TorchFunctionMode):
    """Tells `on_call` of every torch function; without `operations`, it notes only failures."""

    def __init__(
        self,
        operations: Operations | None = None,
        on_call: Callable[[Call], None] | None = None,
    ) -> None:
        super().__init__()
        self.operations, self.on_call = operations, on_call
        self.failure: Failure | None = None  # the last one

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the function, then tell what it did."""
        kwargs, kind = kwargs or {}, plain_name(func)
        if kind == "get":  # x.shape
            return func(*args, **kwargs)
        if not self.operations:
            return self.noted(func, kind, args, kwargs)
        if any(t.is_meta for t in tensors_in((args, kwargs))):
            args, kwargs = without_numbers(func.__name__, kind, args, kwargs)
        tensors = list(tensors_in((args, kwargs)))
        known = [(t, o) for t in tensors if (o := self.operations.origins.get(t))]
        macs, left_out = self.operations.macs, len(self.operations.uncounted)
        result = self.run(kind, func, args, kwargs)
        output = next(tensors_in(result), None)
        nothing = kind == "add" and any(type(each) is int and each == 0 for each in args)
        if output is not None and self.on_call and not nothing:  # Python's sum begins with 0 + x
            known.sort(key=lambda each: each[1].field is None)
            geometry = geometry_of(kind, args, kwargs, tensors[0], output) if known else None
            left_out = self.operations.uncounted[left_out:]
            macs = self.operations.macs - macs
            how = MEETINGS.get(kind, "")
            self.on_call(Call(kind, known, [output], geometry or Geometry(), how, macs, left_out))
        return result

    def run(self, kind: str, func: Any, args: Any, kwargs: Any) -> Any:
        """Call the function, and say what its result sees where its operations do not tell."""
        if kind in ("cpu", "cuda") and args[0].is_meta:
            return args[0]
        if kind == "batch_norm" and (result := same_shape(args, kwargs)) is not None:
            known = [o for t in tensors_in((args, kwargs)) if (o := self.operations.origin(t))]
            self.operations.pointwise(known, result)
            return result
        result = self.noted(func, kind, args, kwargs)
        if kind == "pad" and isinstance(result, Tensor):
            # A circular padding is written piece by piece into an empty tensor.
            self.operations.padded(args, kwargs, result)
        return result

    def noted(self, func: Any, kind: str, args: Any, kwargs: Any) -> Any:
        """Call the function; an error is noted, not wrapped: the network may mean to catch it."""
        try:
            if self.operations:
                refuse_types(kind, args, kwargs)
            return func(*args, **kwargs)
        except Exception as error:
            shapes = [tuple(t.shape) for t in tensors_in((args, kwargs))]
            self.failure = Failure(error, kind, shapes)
            raise


def without_numbers(name: str, kind: str, args: Any, kwargs: Any) -> tuple[Any, Any]:
    """Prepare a call in which tensors without numbers meet some that the forward pass has made."""
    if kind in RECURRENT:  # PyTorch compares the devices of input and state
        for state in tensors_in(args):
            if state.is_floating_point() and not state.is_meta:
                _forget_numbers(state)
    if kind == "to" and args[0].is_meta:
        return stay(args, kwargs)
    if name.endswith("_") and args and _elsewhere(args[0]) and args[0].ndim:
        # What is written into loses its numbers too: `out[:, :4] = x`, `out += x`.
        _forget_numbers(args[0])
    if kind in ("getitem", "setitem"):
        first, index, *value = args
        several = index if isinstance(index, tuple) else (index,)
        args = (first, tuple(each for part in several for each in _places(part)), *value)
    return args, kwargs


def _forget_numbers(tensor: Tensor) -> None:
    with suppress(RuntimeError):  # a view, or a tensor that others hold on to
        torch.utils.swap_tensors(tensor, tensor.to("meta"))


def _places(index: Any) -> Sequence[Any]:
    """A mask with numbers is the list of its true places."""
    mask = _elsewhere(index) and index.dtype is torch.bool and index.ndim > 0
    return index.nonzero(as_tuple=True) if mask else [index]


def same_shape(args: Any, kwargs: Any) -> Tensor | None:
    """Return what batch norm gives on the meta device, if its arguments fit together.

    PyTorch works out the same in 3 ms, half of the time that a trace of ResNet-152 would take.
    """
    given, *per_channel = tensors_in((args, kwargs))
    training = args[5] if len(args) > 5 else kwargs.get("training", False)
    fit = all(t.shape == given.shape[1:2] and t.dtype == given.dtype for t in per_channel)
    if fit and given.is_meta and given.ndim > 1 and not training:
        return torch.empty_like(given)
    return None


def stay(args: Any, kwargs: Any) -> tuple[Any, Any]:
    """Change the arguments of `x.to(…)` so that a tensor without numbers stays one."""

    def device(value: Any) -> Any:
        if isinstance(value, (str, torch.device)) or type(value) is int:
            return "meta"
        return torch.empty(0, dtype=value.dtype, device="meta") if _elsewhere(value) else value

    first, *rest = args
    return (first, *map(device, rest)), {key: device(value) for key, value in kwargs.items()}


def _elsewhere(value: Any) -> bool:
    return isinstance(value, Tensor) and not value.is_meta
