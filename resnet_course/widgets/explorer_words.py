"""What the explorer says of a layer: its name in words, short lines, facts, a sentence."""

from __future__ import annotations

from resnet_course.pictures.block_words import kind_name
from resnet_course.tracing.arithmetic import in_bytes, memory
from resnet_course.tracing.rows import LayerRow, Trace, by, by_axis
from resnet_course.tracing.steps import UNUSED

WORDS = {
    "Conv2d": "convolution",
    "BatchNorm2d": "batch norm",
    "MaxPool2d": "max pooling",
    "AdaptiveAvgPool2d": "average of all pixels",
    "add": "addition",
    "cat": "concatenation",
    "mul": "multiplication",
    "Linear": "linear layer",
    UNUSED: "parameters that nothing used",
}
SHORT = {"Conv2d": "conv", "MaxPool2d": "max pool"}
PURPOSE = {
    "BatchNorm2d": [
        "every channel: minus a mean,",
        "divided by a standard deviation",
        "(the batch's, or running ones)",
    ],
    "ReLU": ["replaces negative numbers by 0"],
    "add": ["number by number"],
    "flatten": ["the same numbers in one row"],
    "ZeroPadShortcut": ["no parameters"],
}
# What lies in the padding, where it is not zeros.
PADDING = {
    "circular": "the other side of the map",
    "reflect": "the map, mirrored",
    "replicate": "the pixel at the edge",
}


def label(row: LayerRow) -> str:
    """Return what a layer is: "3×3 convolution"."""
    name = _kind(row)
    if _averages_all(row) and max(row.out_shape[-2:]) > 1:
        return f"average pooling to {by(row.out_shape[-2:])}"
    if not row.kernel or _averages_all(row):
        return name
    return f"{by(row.taps)} {name}{_dilated(row)}"


def brief(row: LayerRow) -> str:
    """Return what fits into a small box: "conv 3×3, stride 2"."""
    if "Avg" in row.kind:
        return "average"
    if not row.kernel:
        return _kind(row)
    stride = f", stride {by_axis(row.stride)}" if row.stride and max(row.stride) > 1 else ""
    return f"{SHORT.get(row.kind, row.kind)} {by(row.taps)}{stride}{_dilated(row)}"


def about(row: LayerRow) -> list[str]:
    """Return short lines on what a layer does, and with which settings."""
    lines = list(PURPOSE.get(row.kind, []))
    if row.kernel and row.stride and not _averages_all(row):
        if row.kind.startswith(("Conv", "conv")):
            lines.append(f"{row.in_shape[0]} → {row.out_shape[0]} channels")
        padding = by_axis(row.padding) if row.padding else 0
        lines.append(f"stride {by_axis(row.stride)} · padding {padding}")
        if row.padding_mode != "zeros":
            lines.append(f"padding: {PADDING.get(row.padding_mode, row.padding_mode)}")
        if row.groups and row.groups > 1:
            lines.append(f"{row.groups} groups")
    return lines


def facts(row: LayerRow) -> list[list[str]]:
    """Return pairs of what is counted and how many there are."""
    found = [["parameters", f"{row.params:,}"]]
    if row.kind == UNUSED:
        return found
    if row.macs or row.uncounted:  # of sums, norms and activations none are counted
        left_out = f" without {row.uncounted}" if row.uncounted else ""
        found.append(["multiply-adds", f"{row.macs:,}{left_out}"])
    if row.sees:
        found.append(["one value sees", row.sees])
    return [*found, ["output takes", in_bytes(memory(row))]]


def lane(trace: Trace, row: int) -> str:
    """Say what waits on the shortcut while the branch passes a row; "" for most rows."""
    passing = [s for s in trace.shortcuts if s.start < row < s.end and row not in s.layers]
    if not passing:
        return ""
    shortcut = min(passing, key=lambda s: s.end - s.start)
    start = trace.rows[max(shortcut.start, 0)]
    carried = by(start.out_shape if shortcut.start >= 0 else start.in_shape)
    layers = " → ".join(brief(trace.rows[i]) for i in shortcut.layers)
    ahead = sum(i not in shortcut.layers for i in range(row, shortcut.end))
    both = by(trace.rows[shortcut.end].out_shape)
    return (
        f"Beside it, on the shortcut: {carried}, {layers or 'unchanged'}. It meets the branch "
        f"in {ahead} {'step' if ahead == 1 else 'steps'}: {both} + {both}."
    )


def sentence(trace: Trace, title: str, row: LayerRow, first: int, last: int) -> str:
    """Describe one row, or the rows from `first` to `last` that are joined into one."""
    where = f"step {last + 1}" if first == last else f"steps {first + 1} to {last + 1}"
    start = f"{title}, {where} of {len(trace)}, {row.name} ({row.kind})"
    if row.kind == UNUSED:
        return f"{start}: {row.params:,} parameters that nothing used."
    shapes = f"{_shape(row.in_shape)} goes in, {_shape(row.out_shape)} comes out"
    counts = {"parameters": row.params, "multiply-adds": row.macs}
    counted = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    sees = f"one value sees {row.sees.replace(' px', ' pixels')}" if row.sees else ""
    return f"{start}: {'; '.join(filter(None, (shapes, counted, sees)))}."


def _kind(row: LayerRow) -> str:
    """Return the kind of a layer in words."""
    if row.kind == "ZeroPadShortcut":  # what it does depends on the shapes
        return kind_name(row).replace("channels of ", "")
    return WORDS.get(row.kind, row.kind)


def _shape(shape: tuple[int, ...]) -> str:
    return by(shape) or "one number"


def _dilated(row: LayerRow) -> str:
    """Return ", dilation 2" where the window has gaps."""
    has_gaps = row.dilation and row.taps != row.kernel
    return f", dilation {by_axis(row.dilation)}" if has_gaps else ""


def _averages_all(row: LayerRow) -> bool:
    """Does its window cover the map, so that its size says nothing?"""
    return row.kind == "AdaptiveAvgPool2d"
