"""What the explorer's page gets of a network: rows, folders, edges, and every number and word.

`explorer.js` places and draws it. All of it can be written as JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

from torch import nn

from resnet_course.tracing.arithmetic import dropped_pixels, in_bytes, memory, sums
from resnet_course.tracing.rows import LayerRow, Shape, Trace, TraceError, by, join, neighbours
from resnet_course.tracing.steps import UNUSED

MOST_BARS, FEW_BARS = 64, 8
LEVELS = {"stages": 0, "blocks": 1, "layers": 99}  # how many levels of folders are open
WORDS = {
    "Conv2d": "convolution",
    "BatchNorm2d": "batch norm",
    "MaxPool2d": "max pooling",
    "AdaptiveAvgPool2d": "average of all pixels",
    "add": "addition",
    "Linear": "linear layer",
    "flatten": "flatten",
    "ZeroPadShortcut": "skip pixels, add zeros",
}
PURPOSE = {
    "BatchNorm2d": ["every channel: mean 0,", "standard deviation 1"],
    "ReLU": ["replaces negative numbers by 0"],
    "add": ["branch + shortcut,", "number by number"],
    "flatten": ["the same numbers in one row"],
    "ZeroPadShortcut": ["no parameters"],
}


def network_data(trace: Trace, title: str, kinds: dict[str, str] | None = None) -> dict[str, Any]:
    """Return a network as the page draws it.

    Args:
        trace: of the network, or of the part that ran before it failed.
        title: name of the network.
        kinds: class of each module with parts, by its name: {"layer1.0": "BasicBlock"}.
    """
    done = list(accumulate(row.macs for row in trace))
    shares = [macs / trace.macs if trace.macs else 0.0 for macs in done]
    lanes = _lanes(trace)
    rows = [
        _row_data(row)
        | {
            "share": round(shares[i], 4),
            "lane": lanes[i],
            "words": in_words(trace, title, row, i, i),
        }
        for i, row in enumerate(trace)
    ]
    folders = []
    for name, first, last in _folders(trace.rows):
        row = replace(join(trace.rows[first : last + 1]), name=name)
        kind = (kinds or {}).get(name, "")
        count = f"{last - first + 1} steps"
        folders.append(
            {"name": name, "first": first, "last": last, "kind": kind}
            | {"in": list(row.in_shape), "out": list(row.out_shape)}
            | {"label": f"{kind} · {count}" if kind else count, "facts": _facts(row)}
            | {"share": round(shares[last], 4), "field": _field(row)}
            | {"words": in_words(trace, title, row, first, last)}
        )
    inputs, outputs = _ends(trace)
    data = {
        "title": title,
        "inputs": [list(shape) for shape in inputs],
        "outputs": [list(shape) for shape in outputs],
        "rows": rows,
        "folders": folders,
        "edges": [[edge.source, edge.target, edge.how] for edge in trace.edges],
        "shortcuts": [[s.start, s.end, list(s.layers)] for s in trace.shortcuts],
    }
    return data | {"opened": opened_at_first(data)}


def failed_data(failure: TraceError, title: str) -> dict[str, Any]:
    """Return a network that failed: what ran before, and the layer that could not."""
    trace = failure.trace or Trace((), 0, 0)
    data = network_data(trace, title)
    shapes = [by(shape) for shape in failure.shapes]
    met = f", where {' and '.join(shapes)} met" if shapes else ""
    words = f"It stops at {failure.module}{met}. {failure}"
    came = list(failure.shapes[0]) if failure.shapes else []
    count = len(trace)
    last = {"name": failure.module, "kind": "error", "path": "main", "in": came, "out": []}
    last |= {"label": "it stops here", "about": [], "sums": [], "facts": [], "share": 1}
    last |= {"window": None, "field": None, "lane": "", "words": words}
    feeds = [[count - 1, count, ""]] if count else [[-1, 0, ""]]
    return data | {
        "inputs": data["inputs"] or [came],
        "rows": [*data["rows"], last],
        "edges": [e for e in data["edges"] if e[1] < count] + feeds,
        "error": {"at": failure.module, "shapes": shapes, "message": str(failure)},
    }


def in_words(trace: Trace, title: str, row: LayerRow, first: int, last: int) -> str:
    """Describe one row, or several joined into one, in a sentence."""
    where = f"layer {last + 1}" if first == last else f"layers {first + 1} to {last + 1}"
    sees = f"; one value sees {row.sees.replace(' px', ' pixels')}" if row.sees else ""
    return (
        f"{title}, {where} of {len(trace)}, {row.name} ({row.kind}): "
        f"{by(row.in_shape)} goes in, {by(row.out_shape)} comes out; {row.params:,} "
        f"parameters, {row.macs:,} multiply-adds{sees}."
    )


def kinds_of(model: nn.Module) -> dict[str, str]:
    """Return the class of each module that has parts, where it says more than "a list"."""
    plain = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
    return {
        name: type(module).__name__
        for name, module in model.named_modules()
        if next(module.children(), None) is not None and type(module) not in plain
    }


def opened_to(data: dict[str, Any], depth: int) -> list[str]:
    """Return the folders that are open where `depth` levels are."""
    folders = data["folders"]
    return list(dict.fromkeys(f["name"] for f in folders if len(_around(folders, f)) < depth))


def opened_at_first(data: dict[str, Any]) -> list[str]:
    """Open what holds several shortcuts, so that each is seen; a network without: a few levels."""
    folders, count = data["folders"], len(data["rows"])
    ends = [end for _, end, _ in data["shortcuts"]]
    depths = {len(_around(folders, folder)) for folder in folders}
    opened: list[str] = []
    for depth in sorted(depths):
        level = [f for f in folders if len(_around(folders, f)) == depth]
        more = [f for f in level if sum(f["first"] <= end <= f["last"] for end in ends) > 1]
        if len(bars(folders, count, opened)) < FEW_BARS:
            more = level
        wanted = [*opened, *(f["name"] for f in more)]
        if len(bars(folders, count, wanted)) <= MOST_BARS:
            opened = wanted
    return list(dict.fromkeys(opened))


def bars(folders: Sequence[dict], count: int, opened: Sequence[str]) -> list[tuple[int, int]]:
    """Return (first row, last row) of what the strip shows: closed folders, and rows outside."""
    found, row = [], 0
    while row < count:
        closed = (f for f in folders if f["first"] <= row <= f["last"] and f["name"] not in opened)
        span = next(((f["first"], f["last"]) for f in closed), (row, row))
        found.append(span)
        row = span[1] + 1
    return found


def _around(folders: Sequence[dict], inner: dict) -> list[dict]:
    """Return the folders around a folder, the outermost first."""
    return [
        f
        for f in folders
        if f is not inner
        and f["first"] <= inner["first"]
        and inner["last"] <= f["last"]
        and len(f["name"]) < len(inner["name"])
    ]


def _folders(rows: Sequence[LayerRow]) -> list[tuple[str, int, int]]:
    """Return every module with several rows that stand together, outer ones before inner."""
    depth = max((row.name.count(".") + 1 for row in rows), default=0)
    found: dict[tuple[str, int], int] = {}
    for parts in range(1, depth + 1):
        for name, first, last in neighbours(rows, parts):
            if first < last and (first, last) != (0, len(rows) - 1):
                found.setdefault((name, first), last)
    return sorted(
        ((name, first, last) for (name, first), last in found.items()),
        key=lambda each: (each[1], -each[2], len(each[0])),
    )


def _row_data(row: LayerRow) -> dict[str, Any]:
    window = None
    if row.kernel and row.stride and len(row.in_shape) > 1:
        axes = range(-len(row.kernel), 0)
        window = {
            "kernel": list(row.kernel),
            "stride": list(row.stride),
            "padding": list(row.padding or [0] * len(row.kernel)),
            "dropped": [dropped_pixels(row, axis)[1] for axis in axes][-2:],
        }
        if len(window["dropped"]) < 2:
            window["dropped"].insert(0, 0)
    return {
        "name": row.name,
        "kind": row.kind,
        "path": row.path,
        "in": list(row.in_shape),
        "out": list(row.out_shape),
        "label": _label(row),
        "brief": _brief(row),
        "about": _about(row),
        "sums": [[each.what, each.formula, each.remark] for each in sums(row)],
        "facts": _facts(row),
        "window": window,
        "field": _field(row),
    }


def _field(row: LayerRow) -> list[list[int]] | None:
    return [list(axis) for axis in row.field] if len(row.field) == 2 else None


def _label(row: LayerRow) -> str:
    if row.kind == UNUSED:
        return "parameters that nothing used"
    name = WORDS.get(row.kind, row.kind)
    window = f"{by(row.kernel)} " if row.kernel and "average" not in name else ""
    return window + name


def _brief(row: LayerRow) -> str:
    """Return what fits into a small box: "3×3, stride 2"."""
    if row.kernel:
        stride = f", stride {row.stride[-1]}" if row.stride and row.stride[-1] > 1 else ""
        name = {"Conv2d": "conv", "MaxPool2d": "max pool"}.get(row.kind, row.kind)
        return f"{name} {by(row.kernel)}{stride}" if "Avg" not in name else "average"
    return {"ZeroPadShortcut": "add zeros"}.get(row.kind) or WORDS.get(row.kind, row.kind)


def _about(row: LayerRow) -> list[str]:
    lines = list(PURPOSE.get(row.kind, []))
    if row.kernel and row.stride and "average" not in _label(row):
        if row.kind.startswith(("Conv", "conv")):
            lines.append(f"{row.in_shape[0]} → {row.out_shape[0]} channels")
        lines.append(f"stride {row.stride[-1]} · padding {row.padding[-1] if row.padding else 0}")
        if row.groups and row.groups > 1:
            lines.append(f"{row.groups} groups")
    return lines


def _facts(row: LayerRow) -> list[list[str]]:
    left_out = f" without {row.uncounted}" if row.uncounted else ""
    facts = [["parameters", f"{row.params:,}"], ["multiply-adds", f"{row.macs:,}{left_out}"]]
    if row.sees:
        facts.append(["one value sees", row.sees])
    return [*facts, ["output takes", in_bytes(memory(row))]] if row.kind != UNUSED else facts


def _lanes(trace: Trace) -> list[str]:
    """Say for each row what waits on the other path while the branch passes it."""
    lanes = []
    for index in range(len(trace)):
        passing = [s for s in trace.shortcuts if s.start < index < s.end and index not in s.layers]
        if not passing:
            lanes.append("")
            continue
        shortcut = min(passing, key=lambda s: s.end - s.start)
        start, end = trace.rows[max(shortcut.start, 0)], trace.rows[shortcut.end]
        carried = by(start.out_shape if shortcut.start >= 0 else start.in_shape)
        layers = " → ".join(_brief(trace.rows[i]) for i in shortcut.layers)
        ahead = shortcut.end - index
        both = by(end.out_shape)
        lanes.append(
            f"Beside it, on the shortcut: {carried}, {layers or 'unchanged'}. It meets the branch "
            f"in {ahead} {'step' if ahead == 1 else 'steps'}: {both} + {both}."
        )
    return lanes


def _ends(trace: Trace) -> tuple[list[Shape], list[Shape]]:
    """Return the shapes of the inputs and of the outputs."""
    count = len(trace)
    first: dict[int, Shape] = {}
    last: dict[int, Shape] = {}
    for edge in trace.edges:
        if edge.source < 0:
            first.setdefault(
                edge.source, trace.rows[edge.target].in_shape if edge.target < count else ()
            )
        if edge.target >= count and edge.source >= 0:
            last.setdefault(edge.target, trace.rows[edge.source].out_shape)
    inputs = [first.get(-1 - i, ()) for i in range(-min(first, default=0))]
    return inputs, [last[target] for target in sorted(last)]
