"""Give an answer a fresh start, and leave the notebook's kernel as it was found."""

from __future__ import annotations

import io
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any, TextIO

import numpy as np
import torch

from resnet_course.checks.faults import fault
from resnet_course.train.randomness import random_states, set_random_states

LINES, CHARACTERS = 30, 3_000  # a screenful
# PyTorch's hooks for all modules; there is no public way to list them.
HOOKS = [d for name, d in vars(torch.nn.modules.module).items() if name.startswith("_global_")]
HOOKS = [hooks for hooks in HOOKS if isinstance(hooks, dict)]


def _deterministic() -> tuple[bool, bool]:
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    return torch.are_deterministic_algorithms_enabled(), warn_only


def _set_hooks(found: list[dict[int, Any]]) -> None:
    for hooks, before in zip(HOOKS, found, strict=True):
        hooks.clear()
        hooks.update(before)


def _set_device(device: torch.device) -> None:
    torch.set_default_device(None if device.type == "cpu" else device)


def _folder() -> str | None:
    with suppress(OSError):  # it may have been deleted
        return os.getcwd()  # noqa: PTH109
    return None


# What an answer can change for everybody: how to read it, how to set it.
SETTINGS: list[tuple[Callable[[], Any], Callable[[Any], object]]] = [
    (torch.get_default_dtype, torch.set_default_dtype),
    (torch.get_default_device, _set_device),
    (torch.get_num_threads, torch.set_num_threads),
    (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    (
        _deterministic,
        lambda found: torch.use_deterministic_algorithms(found[0], warn_only=found[1]),
    ),
    (lambda: list(map(dict, HOOKS)), _set_hooks),
    (np.geterr, lambda found: np.seterr(**found)),
    (sys.getrecursionlimit, sys.setrecursionlimit),
    (_folder, lambda found: found and os.chdir(found)),
]


@contextmanager
def kept() -> Iterator[None]:
    """Run what follows on the CPU in float32 with seed 0; put back afterwards what it changes."""
    before = [(read, write, read()) for read, write in SETTINGS]
    with ExitStack() as undone:
        undone.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        undone.enter_context(torch.inference_mode(False))
        undone.enter_context(torch.enable_grad())
        undone.callback(set_random_states, random_states())
        undone.callback(lambda: [write(old) for read, write, old in before if read() != old])
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
        for seed in (torch.manual_seed, random.seed, np.random.seed):
            seed(0)
        yield


class Screenful(io.TextIOBase):
    """Passes on what is printed until a screen is full, and counts the rest."""

    def __init__(self, screen: TextIO) -> None:
        self.screen, self.lines, self.characters, self.cut = screen, LINES, CHARACTERS, 0

    def write(self, text: str) -> int:
        """Print what there is room for."""
        shown = "".join(text.splitlines(keepends=True)[: self.lines])[: self.characters]
        self.lines -= shown.count("\n")
        self.characters -= len(shown)
        self.cut += len(text) - len(shown)
        self.screen.write(shown)
        return len(text)

    def flush(self) -> None:
        """Show what has been passed on."""
        self.screen.flush()


@contextmanager
def printing_little() -> Iterator[None]:
    """Cut what is printed after a screenful, and say so."""
    out, error = Screenful(sys.stdout), Screenful(sys.stderr)
    with redirect_stdout(out), redirect_stderr(error):
        try:
            yield
        finally:
            if cut := out.cut + error.cut:
                out.screen.write(f"\n{fault('printed', cut=cut)}\n")
