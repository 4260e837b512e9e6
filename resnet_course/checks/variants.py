"""The right blocks and ResNet-34 as source text, and variants with a few words exchanged.

The texts stand in block_mistakes.txt, together with the edits that make a mistake; it says how to
read them.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from resnet_course.checks.faults import filled, read_parts

EDIT = re.compile(r"(?:(\w+): )?(.+) → ?(.*)")
Mistake = tuple[str, ...]  # what to say, then the edits that make it
CONDITION = "stride != 1 or in_channels != out_channels"  # when a block has a projection
ARGUMENTS = {"in_channels": 0, "channels": 0, "stride": 1, "groups": 1, "base_width": 64}

TEXTS = read_parts("block_mistakes")
BASIC, THIN = TEXTS["basic block"], TEXTS["bottleneck"]
NETWORK = f"{BASIC}\n{TEXTS['network']}"


def table(*parts: str) -> list[Mistake]:
    """Read parts of block_mistakes.txt: what to say, then an indented line for each edit."""
    text = "".join(TEXTS[part] for part in parts).replace("{condition}", CONDITION)
    mistakes: list[Mistake] = []
    for said, edits in re.findall(r"((?:^\S.*\n)+)((?:^ +.*\n)+)", text, re.MULTILINE):
        for way in edits.split("    or\n"):
            mistakes.append((" ".join(said.split()), *(edit.strip() for edit in way.splitlines())))
    return mistakes


def edited(text: str, edits: Iterable[str]) -> str:
    """Return the text with all edits; one whose old words do not occur changes nothing."""
    lines = text.split("\n")
    for edit in edits:
        place, old, new = EDIT.fullmatch(edit).groups()
        start = f"self.{place}" if place else ""
        lines = [x.replace(old, new) if x.strip().startswith(start) else x for x in lines]
    return "\n".join(lines)


@functools.lru_cache(maxsize=500)
def compiled(text: str) -> type[nn.Module]:
    """Run a source text and return the last class in it."""
    space: dict[str, Any] = {"torch": torch, "nn": nn, "F": F}
    exec(compile(text, __file__, "exec"), space)
    return list(space.values())[-1]


def made(num_classes: int, edits: Iterable[str] = ()) -> nn.Module:
    """Make ResNet-34, or a wrong one, on the meta device: it borrows the learner's weights."""
    with torch.device("meta"):
        return compiled(edited(NETWORK, edits))(num_classes)


@dataclass(frozen=True)
class Suspect:
    """A known mistake, and the block that has it; or None, and why such a block cannot be made."""

    message: str
    edits: list[str]
    block: nn.Module | None = None
    refusal: str = ""


@dataclass(frozen=True)
class Right:
    """A kind of block."""

    text: str  # its source
    names: Sequence[str]  # of the convolutions in its branch
    mistakes: Sequence[Mistake]  # what can go wrong, the most frequent first

    def suspects(self, arguments: Sequence[int]) -> list[Suspect]:
        """Make the block of every mistake that is possible with these arguments."""
        numbers = ARGUMENTS | dict(zip(ARGUMENTS, arguments, strict=False))
        numbers["per_group"] = int(numbers["channels"] * numbers["base_width"] / 64)
        numbers["width"] = numbers["per_group"] * numbers["groups"]
        projects = isinstance(compiled(self.text)(*arguments).project, nn.Conv2d)
        found = {_simply(self.text, numbers["stride"], projects): Suspect("", [])}
        for message, edits in spelled(self.mistakes, self.names, numbers):
            text = _simply(edited(self.text, edits), numbers["stride"], projects)
            if text not in found:  # else it makes no difference here
                found[text] = self.suspect(message, edits, arguments)
        return list(found.values())[1:]

    def suspect(self, message: str, edits: list[str], arguments: Sequence[int]) -> Suspect:
        """Make the block of one mistake."""
        try:
            return Suspect(message, edits, compiled(edited(self.text, edits))(*arguments))
        except Exception as error:  # groups do not fit, or two mistakes do not go together
            return Suspect(message, edits, refusal=str(error))


def _simply(text: str, stride: int, projects: bool) -> str:
    """Return what a text amounts to: without a projection that is not made, or a stride of 1."""
    if not projects:
        text = re.sub(rf" +if ({CONDITION}|False):\n.*\n.*\n", "", text)
    text = text.replace(CONDITION, str(projects))
    return text.replace("stride=stride", "stride=1") if stride == 1 else text


def spelled(
    mistakes: Iterable[Mistake], names: Sequence[str], numbers: dict[str, int]
) -> Iterator[tuple[str, list[str]]]:
    """Yield what to say and the edits, with names of convolutions and numbers in their braces.

    A mistake that names `{i}` stands for several, one for each convolution of the branch.
    """
    for mistake in mistakes:
        for i in range(len(names)) if "{i}" in "".join(mistake) else [0]:
            words = {"i": i + 1, "conv": names[i], "Conv": names[i].capitalize()}
            words |= {"last": len(names), "last_conv": names[-1]}
            message, *edits = (filled(part, numbers | words) for part in mistake)
            yield message, edits
