"""16-bit arithmetic where it pays."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch


def autocast(device: torch.device, enabled: bool) -> AbstractContextManager[None]:
    """Return the context in which convolutions and products are computed in bfloat16."""
    if not enabled:  # some devices know no autocast at all
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def has_fast_bfloat16(device: str = "cpu") -> bool:
    """Return whether a kind of device ("cpu", "cuda", ...) has instructions for bfloat16.

    With them 16 bits gain a factor of two to three, without them they lose. The hardware decides
    and not a stopwatch: two equal runs must decide alike, or their weights differ.
    """
    if device == "cuda":  # older GPUs compute bfloat16 too, slowly, by way of 32 bits
        return torch.cuda.get_device_capability() >= (8, 0)
    if device != "cpu":
        return False
    # Not public, so one of them may be gone some day; `bool` then answers False.
    names = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(getattr(torch.cpu, name, bool)() for name in names)
