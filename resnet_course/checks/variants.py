"""A reference as source text, and its variants: the same text with a few words exchanged.

An edit is written as `old → new`. With a name in front, as in `conv1: bias=False → bias=True`, it
counts only for lines that begin with `self.conv1`. Where the old words do not occur, an edit
changes nothing.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from resnet_course.checks.texts import read_parts

EDIT = re.compile(r"(?:(\w+): )?(.+) → (.*)")
Mistake = tuple[str, ...]  # what to say, then the edits that make it
CONDITION = "stride != 1 or in_channels != out_channels"  # when a block has a projection


def table(part: str) -> list[Mistake]:
    """Read a part of block_mistakes.txt: what to say, then an indented line for each edit."""
    text = read_parts("block_mistakes")[part].replace("{condition}", CONDITION)
    mistakes: list[Mistake] = []
    for said, edits in re.findall(r"((?:^\S.*\n)+)((?:^ +.*\n)+)", text, re.MULTILINE):
        for way in edits.split("    or\n"):
            mistakes.append((" ".join(said.split()), *(edit.strip() for edit in way.splitlines())))
    return mistakes


def edited(text: str, edits: Iterable[str]) -> str:
    """Return the text with all edits, one after the other."""
    for edit in edits:
        place, old, new = EDIT.fullmatch(edit).groups()
        start = f"self.{place}" if place else ""
        text = "\n".join(
            line.replace(old, new) if line.strip().startswith(start) else line
            for line in text.split("\n")
        )
    return text


@functools.lru_cache(maxsize=500)
def compiled(text: str) -> type[nn.Module]:
    """Run a source text and return the last class in it."""
    space: dict[str, Any] = {"torch": torch, "nn": nn, "F": F}
    exec(compile(text, __file__, "exec"), space)
    return list(space.values())[-1]


def count(module: nn.Module) -> int:
    """Count parameters; one that is used twice counts once."""
    return sum(part.numel() for part in module.parameters())


class Numbers(dict[str, Any]):
    """The arguments of a block by name; other words are computed from them: `4 * channels`."""

    def __missing__(self, words: str) -> Any:
        return eval(words, dict(self))


def spelled(
    mistakes: Iterable[Mistake], names: Sequence[str], numbers: Numbers
) -> Iterator[tuple[str, list[str]]]:
    """Fill in what stands in braces.

    Args:
        mistakes: one that names `{i}` stands for several, one for each convolution.
        names: of the convolutions in the branch, for `{conv}`.
        numbers: the arguments of the block.

    Yields:
        what to say, and the edits.
    """
    for mistake in mistakes:
        for i in range(len(names)) if "{i}" in "".join(mistake) else [0]:
            words = {"i": i + 1, "conv": names[i], "Conv": names[i].capitalize()}
            words |= {"last": len(names), "last_conv": names[-1]}
            message, *edits = (part.format_map(Numbers(numbers | words)) for part in mistake)
            yield message, edits
