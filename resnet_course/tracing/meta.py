"""Copies without numbers: a model and its inputs on PyTorch's meta device, for tracing.

Tensors on the meta device have shapes and types but no values, so the copy of a network with a
hundred million weights takes no memory and a forward pass almost no time.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Iterator
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter, is_lazy

from resnet_course.blocks import is_whole


def example_inputs(given: Any, dtype: torch.dtype) -> tuple[list[Any], dict[str, Any]]:
    """Turn what `trace` gets into the arguments of the forward pass, by place and by name.

    Tensors get no numbers, shapes become tensors; a dictionary holds arguments by name.
    """
    if isinstance(given, dict):
        return [], {name: _example(each, dtype) for name, each in given.items()}
    if isinstance(given, (tuple, list)) and any(map(_is_nested, given)):
        return [_example(each, dtype) for each in given], {}
    return [_example(given, dtype)], {}


def _is_nested(value: Any) -> bool:
    return isinstance(value, (tuple, list, dict, Tensor))


def _example(given: Any, dtype: torch.dtype) -> Any:
    if isinstance(given, Tensor):
        if given.ndim == 0 or given.shape[0] == 0:
            raise ValueError(
                f"an example tensor needs a batch axis of 1 or more, got {tuple(given.shape)}."
            )
        return torch.empty_like(given, device="meta")
    if isinstance(given, dict):
        return {name: _example(each, dtype) for name, each in given.items()}
    several = isinstance(given, (tuple, list))
    if several and given and all(map(_is_nested, given)):
        return [_example(each, dtype) for each in given]
    if not several or not given or not all(map(is_whole, given)):
        raise ValueError(
            f"input_shape must be positive integers such as (1, 3, 224, 224), got {given!r}."
        )
    sizes = tuple(int(n) for n in given)  # NumPy's integers too
    if len(sizes) in (1, 3):
        sizes = (1, *sizes)
    return torch.empty(sizes, dtype=dtype, device="meta")


def meta_copy(model: nn.Module) -> nn.Module:
    """Copy a module so that all its tensors lie on the meta device; no weight is copied."""
    return _copy(model, _meta_tensor)


def shared_copy(model: nn.Module) -> nn.Module:
    """Copy a module that can compute: it has the same parameters, and buffers of its own."""
    return _copy(model, lambda part: part if isinstance(part, nn.Parameter) else part.clone())


def _copy(model: nn.Module, copied: Callable[[Tensor], Tensor]) -> nn.Module:
    memo: dict[int, Any] = {}
    for part in _all_parts(model, set()):
        if isinstance(part, Tensor):
            memo[id(part)] = copied(part)
            continue
        # The learner's hooks stay with the learner's model, and what they hold on to as well.
        for hooks in (part._forward_hooks, part._backward_hooks, part._backward_pre_hooks):
            memo[id(hooks)] = OrderedDict()
        # Only the hook that wakes up a lazy layer is needed.
        memo[id(part._forward_pre_hooks)] = OrderedDict(
            (key, hook)
            for key, hook in part._forward_pre_hooks.items()
            if getattr(hook, "__name__", "") == "_infer_parameters"
        )
    ghost = copy.deepcopy(model, memo)
    for part in _all_parts(ghost, set()):
        if not isinstance(part, Tensor):
            part.eval()
            for key, hook in part._forward_pre_hooks.items():
                part._forward_pre_hooks[key] = MethodType(hook.__func__, part)
    return ghost


def _all_parts(value: Any, seen: set[int]) -> Iterator[Tensor | nn.Module]:
    """Yield a module's tensors and modules, also in plain lists, where PyTorch does not look."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (nn.Module, dict, list, tuple)) and id(value) not in seen:
        seen.add(id(value))
        if isinstance(value, nn.Module):
            yield value
            value = vars(value)
        for each in list(value.values()) if isinstance(value, dict) else value:
            yield from _all_parts(each, seen)


def _meta_tensor(tensor: Tensor) -> Tensor:
    if is_lazy(tensor):
        kind = UninitializedParameter if isinstance(tensor, nn.Parameter) else UninitializedBuffer
        return kind(device="meta")
    empty = torch.empty_like(tensor, device="meta", requires_grad=False)
    learns = tensor.requires_grad
    return nn.Parameter(empty, learns) if isinstance(tensor, nn.Parameter) else empty
