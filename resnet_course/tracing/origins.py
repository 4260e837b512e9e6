"""Watch PyTorch's core at work: where does each tensor come from, and what did it cost?

`Operations` is told of every operation of a forward pass, below all layers and functions. It counts
multiply-adds with PyTorch's own formulas, and remembers for each tensor its `Origin`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only
from torch.utils.flop_counter import flop_registry

from resnet_course.tracing.aten import Aten
from resnet_course.tracing.fields import Field, lower_bound, of_input, union
from resnet_course.tracing.operations import BY_SHAPE, follow, unknown

# Products that PyTorch has no formula for, and the words for them.
UNCOUNTED = {
    "_cdist_forward": "distances",
    "_euclidean_dist": "distances",
    "_trilinear": "bilinear products",
    "_fft": "Fourier transforms",
    "linalg_": "matrix decompositions",
    "_linalg": "matrix decompositions",
}
# PyTorch's own counter leaves these out; the number says which argument is the matrix.
MATRIX_VECTOR = {"mv": 0, "dot": 0, "vdot": 0, "addmv": 1}
NO_PRODUCTS = ("linalg_vector_norm", "_linalg_check_errors")


@dataclass(frozen=True)
class Origin:
    """How a tensor came to be.

    Attributes:
        field: what its values see of the input; None if they do not depend on it.
        sources: the rows whose outputs it is made of; -1, -2, … stand for the inputs.
        parameters: what went into it since those rows.
    """

    field: Field | None = None
    sources: tuple[int, ...] = ()
    parameters: frozenset[nn.Parameter] = frozenset()


class Operations(TorchDispatchMode):
    """Follows all tensors of a forward pass.

    Attributes:
        origins: of each tensor that depends on the input or on a parameter. A key is found by
            identity, not by numbers: that is how tensors hash.
        macs: multiply-adds so far, for the whole batch.
        uncounted: names of products that were left out.
    """

    def __init__(self) -> None:
        super().__init__()
        self.origins: dict[Tensor, Origin] = {}
        self.macs = 0
        self.uncounted: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if torch.is_inference_mode_enabled():  # PyTorch has not taken the operation apart yet
            with self:
                result = func.decompose(*args, **kwargs)
            if result is not NotImplemented:
                return result
        name, names = _signature(func)
        call = dict(zip(names, args, strict=False)) | kwargs
        tensors = list(tensors_in(call))
        # Their shapes as they are now: an operation in place may change them.
        known = [
            (t, o, tuple(t.shape) if o.field else ()) for t in tensors if (o := self.origin(t))
        ]
        mixed = any(t.is_meta for t in tensors) and not all(
            t.is_meta or not t.ndim for t in tensors
        )
        if mixed and name != "_pack_padded_sequence":  # that one takes lengths with numbers
            # What the forward pass made for itself has numbers, until it meets a tensor without.
            args, kwargs = tree_map_only(Tensor, _without_numbers, (args, kwargs))
        result = func(*args, **kwargs)
        self.count(func, args, kwargs, result)
        if known and not name.startswith(BY_SHAPE) and not name.endswith("_like"):
            self.follow(func, name, call, known, result)
        return result

    def origin(self, tensor: Tensor) -> Origin | None:
        """Return where a tensor comes from; None if from neither input nor parameters."""
        if isinstance(tensor, nn.Parameter):
            return Origin(parameters=frozenset([tensor]))
        return self.origins.get(tensor)

    def field(self, tensor: Any) -> Field | None:
        """Return what the values of a tensor see; None if they do not depend on the input."""
        origin = self.origins.get(tensor) if isinstance(tensor, Tensor) else None
        return origin.field if origin else None

    def start(self, tensor: Tensor, which: int, dims: Sequence[int]) -> None:
        """Declare a tensor to be an input: along the given axes every value sees itself."""
        field = of_input(which, tensor.shape, dims)
        self.origins[tensor] = Origin(field, (-1 - which,))

    def count(self, func: Any, args: Any, kwargs: Any, result: Any) -> None:
        """Add an operation's multiply-adds."""
        name, _ = _signature(func)
        if formula := flop_registry.get(func._overloadpacket):
            self.macs += formula(*args, **kwargs, out_val=result) // 2
        elif func.namespace == "aten" and name in MATRIX_VECTOR:
            self.macs += args[MATRIX_VECTOR[name]].numel()
        elif name == "deform_conv2d":
            self.macs += result.numel() * args[1][0].numel()
        elif name.startswith(tuple(UNCOUNTED)) and name not in NO_PRODUCTS:
            self.uncounted.append(next(w for k, w in UNCOUNTED.items() if name.startswith(k)))
        elif func.namespace not in ("aten", "prim", "prims", "torchvision"):
            self.uncounted.append(f"{func.namespace}::{name}")

    def follow(self, func: Any, name: str, call: Any, known: Any, result: Any) -> None:
        """Note where the results of an operation come from."""
        results = list(tensors_in(result))
        if not results:
            return
        whole = result if isinstance(result, Tensor) else None
        if name in ("copy_", "fill_"):
            known = [each for each in known if each[0] is not whole]  # that is overwritten
            if not known:
                return
        joined = join([origin for _, origin, _ in known])
        given = [(origin.field, shape) for _, origin, shape in known if origin.field]
        found: Sequence[Field | None] = [None] * len(results)
        if given:
            aten = Aten(
                name,
                arguments=call,
                fields=[field for field, _ in given],
                inputs=[shape for _, shape in given],
                shapes=[tuple(tensor.shape) for tensor in results],
                field_of=self.field,
                operation=func,
            )
            try:
                found = follow(aten, torch.Tag.pointwise in func.tags)
            except Exception:  # arguments that no one has thought of must not end the trace
                found = [unknown(aten)] * len(results)
        for tensor, field in zip(results, found, strict=True):
            self.origins[tensor] = replace(joined, field=field)
        if whole is not None and name.endswith("_") and whole._base is not None:
            self.overwrite(whole._base, whole)

    def pointwise(self, given: Sequence[Origin], result: Tensor) -> None:
        """Note where a result comes from whose values are computed each for itself."""
        field = next((origin.field for origin in given if origin.field), None)
        self.origins[result] = replace(join(given), field=field)

    def padded(self, args: Any, kwargs: Any, result: Tensor) -> None:
        """Note what the values of `F.pad(x, pad, mode)` see."""
        call = dict(zip(("input", "pad"), args, strict=False)) | kwargs
        origin, shape = self.origins.get(call["input"]), tuple(call["input"].shape)
        if origin and origin.field:
            new = tuple(result.shape)
            aten = Aten("constant_pad_nd", call, [origin.field], [shape], [new], self.field)
            self.origins[result] = replace(origin, field=follow(aten, False)[0])

    def overwrite(self, base: Tensor, view: Tensor) -> None:
        """A view of a tensor has got other values, so the tensor has got them too."""
        part, before = self.origins[view], self.origins.get(base)
        if view.shape == base.shape and view.stride() == base.stride():
            self.origins[base] = part
            return
        # What the values outside of the view see is not known exactly.
        origins = [part, before] if before else [part]
        known = [origin.field for origin in origins if origin.field]
        field = None
        if known:  # channels of a map stay in their places, a piece of the map does not
            fits = all(each.fits(base.shape) for each in known)
            field = (union if fits else lower_bound)(known, base.ndim).guessed()
        self.origins[base] = replace(join(origins), field=field)


def join(origins: Sequence[Origin]) -> Origin:
    """Join the sources of several tensors; their fields are left to `follow`."""
    if len(origins) == 1:
        return origins[0]
    sources = dict.fromkeys(source for each in origins for source in each.sources)
    return Origin(None, tuple(sources), frozenset().union(*(each.parameters for each in origins)))


@cache
def _signature(func: Any) -> tuple[str, list[str]]:
    """Return an operation's plain name, "add_", and the names of its arguments."""
    schema = func._schema
    return schema.name.split("::")[-1], [argument.name for argument in schema.arguments]


def _without_numbers(tensor: Tensor) -> Tensor:
    return tensor.to("meta") if tensor.ndim else tensor


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Yield the tensors inside nested tuples, lists, dicts and dataclasses, in order."""
    if hasattr(value, "__dataclass_fields__"):
        value = [getattr(value, name, None) for name in value.__dataclass_fields__]
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (tuple, list)):
        value = (value,)
    for each in value:
        if isinstance(each, Tensor):
            yield each
        elif isinstance(each, (tuple, list, dict)) or hasattr(each, "__dataclass_fields__"):
            yield from tensors_in(each)
