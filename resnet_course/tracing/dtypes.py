"""Refuse numbers of a wrong type: tensors without numbers do not notice what PyTorch refuses."""

from __future__ import annotations

from typing import Any

import torch

from resnet_course.tracing.functions import CONVOLUTIONS, TRANSPOSED
from resnet_course.tracing.origins import tensors_in

# Functions that want all their tensors in one type; those of the second line take 16 bits with 32.
ONE_TYPE = CONVOLUTIONS | TRANSPOSED | {"linear", "matmul", "bmm", "mm", "bilinear"}
NORMS = {"batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm"}
FLOATS = {"softmax", "log_softmax", "gelu", "silu", "mish", "elu", "selu", "hardswish", "dropout"}


class TypeMismatchError(TypeError):
    """Numbers of a type that PyTorch would refuse; tensors without numbers do not notice."""


def refuse_types(kind: str, args: Any, kwargs: Any) -> None:
    """Raise TypeMismatchError where PyTorch would refuse the types of the numbers."""
    given, *others = list(tensors_in((args, kwargs)))[:3] or [None]
    if given is None or not given.is_meta or torch.is_autocast_enabled("cpu"):
        return
    mine = str(given.dtype).removeprefix("torch.")
    if kind == "embedding":
        if given.dtype not in (torch.int32, torch.int64):
            raise TypeMismatchError(f"takes whole numbers (int64), but it gets {mine}")
        return
    wanted = next((t.dtype for t in others if t.dtype != given.dtype), given.dtype)
    half = given.dtype in (torch.bfloat16, torch.float16) and wanted is torch.float32
    mixed = kind in ONE_TYPE or (kind in NORMS and not half)
    if mixed and wanted != given.dtype:
        theirs = str(wanted).removeprefix("torch.")
        raise TypeMismatchError(f"has {theirs} weights, but it gets {mine} numbers")
    if kind in FLOATS | NORMS and not (given.is_floating_point() or given.is_complex()):
        raise TypeMismatchError(f"takes decimal numbers (float32), but it gets {mine}")
