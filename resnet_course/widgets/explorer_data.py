"""What the explorer's page gets of a network: rows, folders, edges, and every number and word.

The front end places and draws it. All of it can be written as JSON; what is empty is left out.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate
from typing import Any

from torch import nn

from resnet_course.tracing.arithmetic import dropped_pixels, sums
from resnet_course.tracing.rows import LayerRow, Shape, Trace, TraceError, by, join, printable
from resnet_course.widgets.explorer_channels import LAST, channel_axes
from resnet_course.widgets.explorer_folders import find_folders, opened_at_first
from resnet_course.widgets.explorer_words import about, brief, facts, label, lane, sentence


def network_data(trace: Trace, title: str, kinds: dict[str, str] | None = None) -> dict[str, Any]:
    """Return a network as the page draws it.

    Args:
        trace: of the network, or of the part that ran before it failed.
        title: name of the network.
        kinds: class of each module with parts, by its name: {"layer1.0": "BasicBlock"}.
    """
    done = accumulate(row.macs for row in trace)
    shares = [round(macs / trace.macs, 4) if trace.macs else 0.0 for macs in done]
    axes = channel_axes(trace)
    rows = []
    for i, row in enumerate(trace):
        rows.append(_row_data(row) | _layout(*axes[i]))
        rows[i] |= {"share": shares[i], "words": sentence(trace, title, row, i, i)}
        if beside := lane(trace, i):
            rows[i]["lane"] = beside
    folders = []
    for name, first, last in find_folders(trace.rows):
        row = replace(join(trace.rows[first : last + 1]), name=name)
        kind = (kinds or {}).get(name, "")
        count = f"{last - first + 1} steps"
        folders.append(
            {"name": name, "first": first, "last": last, "kind": kind}
            | {"in": list(row.in_shape), "out": list(row.out_shape)}
            | _layout(axes[first][0], axes[last][1])
            | {"label": f"{kind} · {count}" if kind else count, "facts": facts(row)}
            | {"share": shares[last], "field": _field(row)}
            | {"words": sentence(trace, title, row, first, last)}
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
        "error": None,
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
    last |= {"label": "it stops here", "share": 1, "words": words}
    feeds = [[count - 1, count, ""]] if count else [[-1, 0, ""]]
    return data | {
        "inputs": data["inputs"] or [came],
        "rows": [*data["rows"], last],
        "edges": [edge for edge in data["edges"] if edge[1] < count] + feeds,
        "error": {"at": failure.module, "shapes": shapes, "message": str(failure)},
    }


def kinds_of(model: nn.Module) -> dict[str, str]:
    """Return the class of each module that has parts, where it says more than "a list"."""
    plain = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
    return {
        printable(name): type(module).__name__
        for name, module in model.named_modules()
        if next(module.children(), None) is not None and type(module) not in plain
    }


def _row_data(row: LayerRow) -> dict[str, Any]:
    always = {"name": row.name, "kind": row.kind, "path": row.path}
    always |= {"in": list(row.in_shape), "out": list(row.out_shape), "label": label(row)}
    maybe = {
        "brief": brief(row) if brief(row) != label(row) else "",
        "about": about(row),
        "sums": [[each.what, each.formula, each.remark] for each in sums(row)],
        "facts": facts(row),
        "window": _window(row),
        "groups": row.groups if row.groups and row.groups > 1 else None,
        "field": _field(row),
    }
    return always | {name: value for name, value in maybe.items() if value}


def _layout(came: int | None, out: int | None) -> dict[str, bool]:
    """Say where a map is (height, width, channels)."""
    found = {"in_last": came == LAST, "out_last": out == LAST}
    return {name: True for name, is_so in found.items() if is_so}


def _window(row: LayerRow) -> dict[str, Any] | None:
    if not row.kernel or not row.stride or len(row.in_shape) < 2:
        return None
    dropped = [dropped_pixels(row, axis)[1] for axis in range(-len(row.kernel), 0)]
    found = {
        "kernel": list(row.taps),
        "stride": list(row.stride),
        "padding": list(row.padding or [0] * len(row.kernel)),
        "dropped": [0, *dropped][-2:],
    }
    if row.taps != row.kernel:
        found["dilation"] = list(row.dilation)
    return found if row.padding_mode == "zeros" else found | {"mode": row.padding_mode}


def _field(row: LayerRow) -> list[list[int]] | None:
    return [list(axis) for axis in row.field] if len(row.field) == 2 else None


def _ends(trace: Trace) -> tuple[list[Shape], list[Shape]]:
    """Return the shapes of the inputs and of the outputs."""
    count = len(trace)
    first: dict[int, Shape] = {}
    last: dict[int, Shape] = {}
    for edge in trace.edges:
        if edge.source < 0:
            shape = trace.rows[edge.target].in_shape if edge.target < count else ()
            first.setdefault(edge.source, shape)
        if edge.target >= count and edge.source >= 0:
            last.setdefault(edge.target, trace.rows[edge.source].out_shape)
    inputs = [first.get(-1 - i, ()) for i in range(-min(first, default=0))]
    return inputs, [last[target] for target in sorted(last)]
