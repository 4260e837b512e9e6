"""Say in one sentence why a forward pass failed: the layer, the shapes that met, the cause."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.utils.parametrize import type_before_parametrizations

from resnet_course.tracing.dtypes import TypeMismatchError
from resnet_course.tracing.origins import tensors_in
from resnet_course.tracing.recorder import Failure
from resnet_course.tracing.rows import Shape, TraceError, by, printable

# What PyTorch says when a forward pass wants numbers where there are only shapes.
NO_NUMBERS = re.compile(
    r"meta tensor|register_meta|meta device|Tensor\.__format__|data-dependent", re.IGNORECASE
)

SEQUENCE_LAYERS = (nn.RNNBase, nn.MultiheadAttention)


def kind_of(module: nn.Module) -> str:
    """Name a module's class; parametrizing a layer has replaced its class by another."""
    return printable(type_before_parametrizations(module).__name__)


def refuse_module(model: Any) -> None:
    """Raise ValueError for what cannot be traced at all."""
    if isinstance(model, type):
        name = model.__name__
        raise ValueError(
            f"trace needs an nn.Module, got the class {name}: make a network first, {name}(…)."
        )
    if not isinstance(model, nn.Module):
        raise ValueError(f"trace needs an nn.Module, got {type(model).__name__}.")
    if getattr(model, "_modules", None) is None:
        kind = type(model).__name__
        raise ValueError(f"{kind} is not set up: its __init__ must call super().__init__() first.")
    for name, module in model.named_modules():
        where = f"{name or 'the model'} ({kind_of(module)})"
        if isinstance(module, torch.jit.ScriptModule):
            raise ValueError(
                f"{where} is scripted, so no one can look inside: trace the network before "
                "torch.jit.script or torch.jit.trace."
            )
        if ".quantized" in type(module).__module__:
            raise ValueError(
                f"{where} is quantized; its weights have no copy without numbers: trace the "
                "network before it is converted."
            )


def explain(
    module: nn.Module,
    path: str,
    given: Any,
    error: Exception,
    failure: Failure | None,
    *,
    is_layer: bool,
    returned_none: str,
) -> TraceError:
    """Make a TraceError of an error that `module`, at `path`, has raised on what it was `given`.

    `failure` is the torch function that failed last; `returned_none` names a module, "block
    (Block)", whose forward pass has returned nothing.
    """
    kind = kind_of(module)
    where = f"{path} ({kind})" if path else kind
    shapes = [tuple(t.shape) for t in tensors_in(given)]
    says = f"PyTorch says: {error}"
    failed = failure if failure and failure.error is error else None
    built_for = expectation(module, shapes[0]) if shapes else ""
    if isinstance(error, RecursionError):
        message = f"{where} calls itself without end."
    elif not failed and is_ours(error):
        message = (
            f"{where}: the trace failed, not your network. Please report it with the network. "
            f"{type(error).__name__}: {error}"
        )
    elif returned_none and "None" in str(error):
        message = (
            f"{returned_none} gives nothing: its forward has no return. {where} then fails. "
            f"{type(error).__name__}: {error}"
        )
    elif isinstance(error, TypeMismatchError):
        own_code = not is_layer or not type(module).__module__.startswith("torch.")
        function = f": {failed.kind}" if failed and own_code else ""
        message = f"{where}{function} {error}"
    elif NO_NUMBERS.search(str(error)):
        message = (
            f"{where} asks for the numbers in a tensor, in an if, a mask or .item() perhaps. "
            f"Tracing has no numbers, only shapes: decide by shapes instead. "
            f"{says.split('. ')[0]}"
        )
    elif isinstance(module, SEQUENCE_LAYERS) and shapes and len(shapes[0]) > 3:
        first = module.batch_first
        message = (
            f"{where} reads a sequence, ({'batch, steps' if first else 'steps, batch'}, features), "
            f"but it gets the picture {by(shapes[0])}: give trace an example such as "
            f"torch.zeros({'1, 20' if first else '20, 1'}, {features(module)}). {says}"
        )
    elif built_for and is_layer:
        hint = forgotten_flatten(module, shapes[0])
        shapes = [shapes[0], *(tuple(p.shape) for p in module.parameters(recurse=False))][:2]
        message = f"{where} was built for {built_for}, but it gets {by(shapes[0])}.{hint} {says}"
    elif failed and len(failed.shapes) > 1:
        shapes = failed.shapes[:2]
        message = f"{where}: {failed.kind} cannot join {by(shapes[0])} and {by(shapes[1])}. {says}"
    else:
        message = (
            f"{where} fails on input {' and '.join(map(by, shapes))}. "
            f"{type(error).__name__}: {error}"
        )
    return TraceError(message, path or kind, shapes)


def is_ours(error: Exception) -> bool:
    """Was it raised by the code of this package?"""
    place = error.__traceback__
    while place and place.tb_next:
        place = place.tb_next
    return bool(place) and Path(place.tb_frame.f_code.co_filename).parent == Path(__file__).parent


def features(module: nn.Module) -> int:
    """Return how many features a sequence layer reads per step."""
    return module.input_size if isinstance(module, nn.RNNBase) else module.embed_dim


def expectation(module: nn.Module, shape: Sequence[int]) -> str:
    """Say what a layer was built for, if one number tells it and the input's is another."""
    if isinstance(module, SEQUENCE_LAYERS):
        return f"{features(module)} features" if features(module) != shape[-1] else ""
    for attribute in ("in_channels", "num_features", "in_features"):
        wanted = getattr(module, attribute, None)
        if isinstance(wanted, int):
            word, axis = ("features", -1) if attribute == "in_features" else ("channels", 1)
            if isinstance(kernel := getattr(module, "kernel_size", None), tuple):
                axis = -1 - len(kernel)  # the batch axis may be missing
            given = shape[axis] if len(shape) > max(1, -axis - 1) else None
            return f"{wanted} {word}" if wanted != given else ""
    return ""


def forgotten_flatten(module: nn.Module, shape: Shape) -> str:
    """Point to a missing flatten: all values of a map together would be what is expected."""
    wanted = getattr(module, "in_features", None)
    if len(shape) < 3 or wanted is None or wanted != math.prod(shape[1:]):
        return ""
    product = "·".join(map(str, shape[1:]))
    return f" {product} = {wanted}: is nn.Flatten() missing before it?"
