"""Write and read a checkpoint: a dictionary of tensors, numbers and texts in one file."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import torch

from resnet_course.files import write_whole


def save(state: dict[str, Any], path: Path) -> None:
    """Write `state` in one step: whoever reads `path` finds the old file or the new one, whole."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_whole(path, buffer.getvalue())


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a checkpoint onto the CPU. It can hold data only, no code (`weights_only=True`)."""
    return torch.load(path, map_location="cpu", weights_only=True)
