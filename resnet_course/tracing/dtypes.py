"""Refuse numbers of a wrong type: tensors without numbers do not notice what PyTorch refuses."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from resnet_course.tracing.functions import CONVOLUTIONS, TRANSPOSED
from resnet_course.tracing.origins import tensors_in

# Functions that want all their tensors in one type; the norms take 16 bits with 32.
PRODUCTS = {"matmul", "bmm", "mm", "mv", "dot", "addmm", "baddbmm", "einsum", "bilinear"}
ONE_TYPE = CONVOLUTIONS | TRANSPOSED | PRODUCTS | {"linear", "grid_sample"}
NORMS = {"batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm"}
FLOATS = {"softmax", "log_softmax", "gelu", "silu", "mish", "elu", "selu", "hardswish", "dropout"}
REMEDIES = {
    torch.float16: "x.half()",
    torch.float32: "x.float()",
    torch.float64: "x.double()",
    torch.int64: "an example such as torch.zeros(1, 20, dtype=torch.int64)",
}


class TypeMismatchError(RuntimeError):
    """Numbers of a type that PyTorch would refuse; tensors without numbers do not notice."""

    def __init__(self, message: str, wanted: torch.dtype) -> None:
        super().__init__(f"{message}: pass {REMEDIES.get(wanted, f'x.to({wanted})')}.")


def refuse_types(kind: str, args: Any, kwargs: Any) -> None:
    """Raise TypeMismatchError where PyTorch would refuse the types of the numbers."""
    given, *others = list(tensors_in((args, kwargs)))[:3] or [None]
    if given is None or not given.is_meta or torch.is_autocast_enabled("cpu"):
        return
    mine = _name(given)
    if kind == "embedding":
        if given.dtype not in (torch.int32, torch.int64):
            message = f"takes whole numbers (int64), but it gets {mine}"
            raise TypeMismatchError(message, torch.int64)
        return
    if kind == "multi_head_attention_forward":  # its weights come later, masks are of any type
        others = [t for t in tensors_in((args, kwargs)) if t.is_floating_point()]
    other = next((t for t in others if t.dtype != given.dtype), given)
    half = given.dtype in (torch.bfloat16, torch.float16) and other.dtype is torch.float32
    one_type = kind in ONE_TYPE or kind == "multi_head_attention_forward"
    if other is not given and (one_type or (kind in NORMS and not half)):
        if isinstance(other, nn.Parameter) or kind in NORMS:
            message = f"has {_name(other)} weights, but it gets {mine} numbers"
        else:
            message = f"joins {mine} numbers and {_name(other)} numbers"
        raise TypeMismatchError(message, other.dtype)
    if kind in FLOATS | NORMS and not (given.is_floating_point() or given.is_complex()):
        raise TypeMismatchError(
            f"takes decimal numbers (float32), but it gets {mine}", torch.float32
        )


def _name(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
