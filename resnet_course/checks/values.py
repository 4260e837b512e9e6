"""Values that answers take and give: copy them, read what came, compare."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from resnet_course.checks.faults import check

Tensors = dict[str, Tensor]  # what a message calls them → tensors
Value = TypeVar("Value")


def copied(given: Value) -> Value:
    """Copy arguments; a model keeps the gradients in it, which a deep copy leaves out."""
    if isinstance(given, (tuple, list)):
        return type(given)(map(copied, given))
    own = copy.deepcopy(given)
    if isinstance(given, nn.Module):
        for mine, theirs in zip(own.parameters(), given.parameters(), strict=True):
            mine.grad = None if theirs.grad is None else theirs.grad.clone()
    return own


def check_unchanged(now: Any, before: Any, what: str, who: str = "Your function") -> None:
    """Complain if lists or tensors, described by `what`, are no longer equal to a copy."""
    check("changed", same=_equal(now, before), who=who, what=what)


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, (tuple, list)):
        return len(one) == len(other) and all(map(_equal, one, other))
    return torch.equal(one, other) if isinstance(one, Tensor) else one == other


def plain(got: Any) -> Any:
    """Return the Python number inside a tensor or NumPy value without axes; all else as it is."""
    without_axes = hasattr(got, "item") and getattr(got, "ndim", None) == 0
    return got.item() if without_axes and not getattr(got, "is_meta", False) else got


def whole(got: Any) -> int:
    """Return the learner's whole number; one of NumPy or in a tensor without axes will do."""
    check("whole", got=got, value=plain(got))
    return plain(got)


def number(got: Any, what: str) -> float:
    """Return the learner's number, "the loss"; a tensor is none, unless `plain` comes first."""
    check("number", got=got, what=what)
    return float(got)


def slopes(output: Tensor, leaves: list[Tensor]) -> Sequence[Tensor]:
    """Return what comes back to each leaf from a weighted sum of the output: 0, if nothing does."""
    if not output.requires_grad:
        return [torch.zeros_like(leaf) for leaf in leaves]
    weights = torch.linspace(1, 2, output.numel()).reshape(output.shape)
    try:
        return torch.autograd.grad(output, leaves, weights, materialize_grads=True)
    except RuntimeError as error:
        check("backward_fails", error=error)
        raise


def close(one: float, other: float) -> bool:
    """Return whether two numbers are equal but for the rounding of 32 bits."""
    return abs(one - other) <= 1e-5 * max(1.0, abs(one))


def near(one: Tensor, other: Tensor) -> Tensor:
    """Return where two tensors are equal but for rounding, and for n − 1 in place of a large n."""
    return torch.isclose(one, other.to(one.dtype), rtol=1e-3, atol=1e-5, equal_nan=True)


def all_near(one: Tensors, other: Tensors) -> bool:
    """Return whether all tensors of the same name are `near`."""
    return all(bool(near(one[name], other[name]).all()) for name in one)
