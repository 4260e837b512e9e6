"""A block in words: its layers, its shortcut, and what becomes of the addition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resnet_course.tracing.rows import LayerRow, Shape, by, by_axis

EXPLAIN = {
    "BatchNorm2d": "batch norm",
    "Conv2d": "conv",
    "MaxPool2d": "max pool",
}


@dataclass(frozen=True)
class Joint:
    """What becomes of the addition of a block.

    Attributes:
        kind: "added", "absent" (a plain block; a dashed circle keeps the place) or "refused".
        gives, brings: the shapes of branch and shortcut where they are refused.
        why: the reason, a sentence or two.
    """

    kind: str = "added"
    gives: Shape = ()
    brings: Shape = ()
    why: str = ""


def in_words(
    main: Sequence[LayerRow],
    side: Sequence[LayerRow],
    title: str,
    joint: Joint,
    has_shortcut: bool,
) -> str:
    """Return the block in words."""
    if joint.kind == "refused":
        return f"{title}: {by(joint.gives)} and {by(joint.brings)} cannot be added. {joint.why}"
    steps = [row for row in main if row.kind != "add" or joint.kind == "added"]
    words = [f"{title}: {by(main[0].in_shape)} goes in", *map(layer_name, steps)]
    if any(row.kind == "add" for row in steps):
        kind = " and ".join(layer_name(row) for row in side) or "the unchanged input"
        shortcut = f"the shortcut carries {kind} to the addition"
        other = "paths of equal length, or a path and a constant, are added"
        words.append(shortcut if has_shortcut else other)
    return ", ".join(words) + f", {by(main[-1].out_shape)} comes out."


def kind_name(row: LayerRow) -> str:
    """Return what kind of layer it is, in words."""
    if row.kind == "ZeroPadShortcut":
        words = ["skip pixels"] * (row.in_shape[1:] != row.out_shape[1:])
        words += ["add channels of zeros"] * (row.in_shape[0] != row.out_shape[0])
        return ", ".join(words) or "the input as it is"
    return EXPLAIN.get(row.kind, row.kind)


def details(row: LayerRow) -> list[str]:
    """Return the window of a layer, "3×3, stride 2", and its groups if there are several."""
    if row.kernel is None:
        return []
    window = f"{by(row.taps)}, stride {by_axis(row.stride)}"
    return [window, f"{row.groups} groups"] if row.groups and row.groups > 1 else [window]


def layer_name(row: LayerRow) -> str:
    """Return kind and details of a layer."""
    return " ".join([kind_name(row), *details(row)])
