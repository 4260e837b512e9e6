"""16-bit arithmetic where it pays."""

from __future__ import annotations

import functools
import time
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn


def autocast(device: torch.device, enabled: bool) -> AbstractContextManager[None]:
    """Return the context in which convolutions and products are computed in bfloat16."""
    if not enabled:  # some devices know no autocast at all
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


@functools.cache
def bfloat16_is_faster(device: str = "cpu") -> bool:
    """Time a few small training steps with 32 and with 16 bits: which is faster here?

    Processors with AMX or AVX512-BF16 gain a factor of two to three, others lose. The answer is
    kept for the process; the attempt takes a fraction of a second.

    Two equal runs must decide alike, or their weights differ. So the attempt uses one thread and
    counts its working time: the time on the wall would change with whatever else the machine does.
    A GPU is not timed: it gains if its hardware has bfloat16.
    """
    if device == "cuda":  # older GPUs compute bfloat16 too, slowly, by way of 32 bits
        return torch.cuda.get_device_capability() >= (8, 0)
    if device != "cpu":
        return False
    with torch.random.fork_rng(devices=[]):
        layers = [nn.Conv2d(32, 32, 3, padding=1, bias=False) for _ in range(4)]
        net = nn.Sequential(*layers).to(memory_format=torch.channels_last)
        x = torch.randn(64, 32, 14, 14).to(memory_format=torch.channels_last)

    def fastest(bfloat16: bool) -> float:
        times = []
        for _ in range(4):  # the first round warms up, and the best of the rest counts
            start = time.thread_time()
            with autocast(torch.device("cpu"), bfloat16):
                net(x).sum().backward()
            times.append(time.thread_time() - start)
        return min(times[1:])

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return fastest(True) < 0.9 * fastest(False)
    finally:
        torch.set_num_threads(threads)
