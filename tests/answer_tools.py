"""Answers as learners write them, in the text of a cell, and what a checker must say to them."""

from __future__ import annotations

import copy
import functools
import math
import random
import re
import textwrap
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from resnet_course import checks
from resnet_course.checks.variants import edited

NAMES = {
    "torch": torch, "nn": nn, "F": F, "np": np, "math": math, "copy": copy,
    "functools": functools, "random": random, "Fraction": Fraction,
}  # fmt: skip
RIGHT = "right"


class Norm(nn.Module):
    """Batch norm as d2l writes it: averages are plain attributes, the variance divides by n."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.moving_mean = torch.zeros(1, channels, 1, 1)
        self.moving_var = torch.ones(1, channels, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise each channel of (N, C, H, W)."""
        mean, var = self.moving_mean, self.moving_var
        if self.training:
            mean = x.mean(dim=(0, 2, 3), keepdim=True)
            var = ((x - mean) ** 2).mean(dim=(0, 2, 3), keepdim=True)
            self.moving_mean = (0.9 * self.moving_mean + 0.1 * mean).detach()
            self.moving_var = (0.9 * self.moving_var + 0.1 * var).detach()
        return self.out((x - mean) / (var + 1e-5).sqrt())

    def out(self, x: torch.Tensor) -> torch.Tensor:
        """Scale and shift; an answer may do something else."""
        return self.gamma * x + self.beta


def cell(source: str, **names: Any) -> Any:
    """Run a cell and return what it defines last."""
    space = NAMES | names
    exec(source, space)
    return list(space.values())[-1]


def must_say(name: str, answer: Any, words: str) -> str:
    """Ask that the answer to an exercise is right, or is told these words; return the message.

    Args:
        name: of the exercise.
        answer: anything.
        words: a regular expression; "right", if the answer is.
    """
    result = getattr(checks, name)(answer)
    assert result.attempted, "taken for a stub"
    assert torch.is_grad_enabled()
    assert result.passed == (words == RIGHT), result.message
    assert words == RIGHT or re.search(words, result.message), result.message
    return result.message


def told(name: str, arguments: str, table: str, base: str = "", more: str = "") -> list[Any]:
    """Read a table of answers to an exercise; return (name, source of the answer, words).

    A line of words stands above the answers that are told them, and these are indented: an
    expression of the arguments; a `lambda`, `def`, `class` or `answer =`; or edits of the source
    `base`, one in a line, the second one and all further ones indented deeper. What is no edit may
    use all that stands in `base` and in `more`.
    """
    found = []
    for words, lines in re.findall(r"((?:^\S.*\n)+)((?:^ +.*\n|^\n)+)", table, re.MULTILINE):
        for short in re.split(r"\n+(?=\S)", textwrap.dedent(lines).strip()):
            source = f"{base}{more}\n{short}"
            if "→" in short:
                source = base
                for edit in map(str.strip, short.splitlines()):
                    assert edited(source, [edit]) != source, f"changes nothing: {edit}"
                    source = edited(source, [edit])
            elif not re.match("def |class |answer =", short):
                lambda_ = "" if short.startswith("lambda") else f"lambda {arguments}: "
                source = f"{base}{more}\nanswer = {lambda_}{short}"
            ident = f"{name}: {' '.join(short.split())[:70]}"
            found.append(pytest.param(name, source, " ".join(words.split()), id=ident))
    return found


def all_told(*answers: Any) -> Callable[..., None]:
    """Make the test that each of these answers, from `told`, is right or is told its words."""

    @pytest.mark.parametrize(("name", "source", "words"), answers)
    def test(name: str, source: str, words: str) -> None:
        must_say(name, cell(source), words)

    return test


# What holds for every exercise whose answer returns a number.
NUMBERS = r"""
as a Python number, got Ellipsis
    ...
as a Python number, got '0\.5' \(str\)
    "0.5"
as a Python number, got \[0\.5\] \(list\)
    [0.5]
as a Python number, got True \(bool\)
    True
got nan. Was something divided by zero
    float("nan")
    np.float32("nan")
got inf. Was something divided by zero
    float("inf")
shape \(1\): `\.item\(\)` takes the number out
    torch.tensor([0.5])
got a tensor of shape \(4\)\. One number for all of it is asked for
    torch.zeros(4)
tensor on the device "meta", which holds no numbers
    torch.zeros((), device="meta")
got None. Does your function end with `return`
    print(end="")
stopped with ZeroDivisionError
    1 / 0
stopped with TypeError
    lambda: 0.5
Expected your function or class, got .*str.*Give its name alone
    answer = "answer"
"""
