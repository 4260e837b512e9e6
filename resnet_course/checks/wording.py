"""How messages write what they are about: values, names, errors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from torch import Tensor, nn

LONGEST = 1_000  # characters of the text of an error


def show(value: Any) -> str:
    """Write a value as a message should: tensors by shape, modules by class."""
    if isinstance(value, nn.Module):
        return f"a {type(value).__name__}"
    if isinstance(value, Tensor):
        if value.ndim == 0 and not value.is_meta:
            return f"a tensor with the number {value.item():.6g}"
        return f"a tensor of shape ({', '.join(map(str, value.shape))})"
    if isinstance(value, list) and value and all(isinstance(each, Tensor) for each in value):
        return f"a list of {len(value)} tensor{'s' * (len(value) > 1)}"
    if isinstance(value, float):
        return f"{value:.6g}"
    try:
        text = " ".join(str(getattr(value, "__name__", None) or repr(value)).split())
    except Exception:  # whatever the learner's own class does
        return f"a {type(value).__name__}"
    return text if len(text) < 80 else text[:77] + "..."


def described(got: Any) -> str:
    """Write what came, and of which type it is."""
    if isinstance(got, Tensor) and got.is_meta:
        return 'a tensor on the device "meta", which holds no numbers'
    if isinstance(got, np.ndarray):
        return f"an array of shape {got.shape}"
    return f"{show(got)} ({type(got).__name__})"


def some(names: Iterable[str]) -> str:
    """Write the first three names, and how many more there are."""
    first, rest = list(names)[:3], list(names)[3:]
    return ", ".join(first) + f" and {len(rest)} more" * bool(rest)


def said(error: BaseException | None) -> str:
    """Return the text of an error, cut after some lines; a text that cannot be had is no text."""
    try:
        text = str(error)
    except Exception:  # whatever the learner's own class does
        return ""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text):,} characters in all)"


def made_first(name: str) -> str:
    """Say that a layer is made in one pair of brackets and called in another."""
    return (
        f"nn.{name}(x) makes a layer and does not apply it: a layer must first be made, in "
        f"__init__, self.layer = nn.{name}(), and is called in forward, self.layer(x)."
    )
