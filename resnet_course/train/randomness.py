"""The global generators of random numbers, from which networks, transforms and loaders draw."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch


def random_states() -> dict[str, Any]:
    """Return the states of the global generators of this process.

    These are torch's on the CPU and, once a GPU of NVIDIA is in use, on the current one (the first,
    if nobody has chosen another), NumPy's and Python's. Other GPUs, those of Apple too, have
    generators of their own, which are left out.
    """
    kind, keys, *rest = np.random.get_state()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_initialized() else None,
        "numpy": [kind, keys.tolist(), *rest],
        "python": random.getstate(),
    }


def set_random_states(states: Mapping[str, Any]) -> None:
    """Set the generators as `random_states` found them."""
    torch.set_rng_state(states["torch"])
    if states["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
    np.random.set_state(states["numpy"])
    version, numbers, spare = states["python"]  # of older checkpoints, a list
    random.setstate((version, tuple(numbers), spare))
