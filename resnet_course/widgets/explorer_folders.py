"""Modules as folders: which rows each holds, and what the strip shows when some are open.

A folder is a dictionary with "name", "first" and "last" row, as the page gets it; outer folders
come before inner ones.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from resnet_course.tracing.rows import LayerRow, neighbours

MOST_BARS, FEW_BARS = 64, 6
LEVELS = ("stages", "blocks", "layers")


def find_folders(rows: Sequence[LayerRow]) -> list[tuple[str, int, int]]:
    """Return (name, first, last) of every module with several rows that stand together.

    Name and last row are the key of a place. So a folder whose last row has its own name, such as
    a layer that works twice in a row, is none: its rows stand alone.
    """
    depth = max((row.name.count(".") + 1 for row in rows), default=0)
    found: dict[tuple[str, int], int] = {}
    for parts in range(1, depth + 1):
        for name, first, last in neighbours(rows, parts):
            if first < last and (first, last) != (0, len(rows) - 1) and rows[last].name != name:
                found.setdefault((name, first), last)
    folders = [(name, first, last) for (name, first), last in found.items()]
    return sorted(folders, key=lambda each: (each[1], -each[2], len(each[0])))


def bars(network: dict[str, Any], opened: Collection[str]) -> list[tuple[int, int]]:
    """Return (first row, last row) of what the strip shows: closed folders, and rows outside."""
    closed = [f for f in network["folders"] if f["name"] not in opened]
    found, row = [], 0
    while row < len(network["rows"]):
        spans = ((f["first"], f["last"]) for f in closed if f["first"] <= row <= f["last"])
        found.append(next(spans, (row, row)))
        row = found[-1][1] + 1
    return found


def opened_to(network: dict[str, Any], level: str) -> list[str]:
    """Return the folders that are open at a level: "stages", "blocks" or "layers"."""
    folders = _with_depths(network["folders"])
    # With one level of folders, they are the blocks.
    blocks = int(any(depth for _, depth in folders))
    below = {"stages": 0, "blocks": blocks, "layers": len(folders)}[level]
    return list(dict.fromkeys(f["name"] for f, depth in folders if depth < below))


def opened_at_first(network: dict[str, Any]) -> list[str]:
    """Open what holds several shortcuts, so that each is seen; a network without: a few levels."""
    ends = [end for _, end, _ in network["shortcuts"]]
    folders = _with_depths(network["folders"])
    opened: list[str] = []
    for level in sorted({depth for _, depth in folders}):
        here = [f for f, depth in folders if depth == level]
        if len(bars(network, opened)) >= FEW_BARS:
            here = [f for f in here if sum(f["first"] <= end <= f["last"] for end in ends) > 1]
        wanted = list(dict.fromkeys([*opened, *(f["name"] for f in here)]))
        if len(bars(network, wanted)) <= MOST_BARS:
            opened = wanted
    return opened


def find_node(network: dict[str, Any], place: str, last: int) -> dict[str, Any] | None:
    """Return the folder, or else the row, that is called `place` and ends with a row."""
    folders = (f for f in network["folders"] if f["name"] == place and f["last"] == last)
    row = network["rows"][last]
    return next(folders, row if row["name"] == place else None)


def last_row(network: dict[str, Any], place: str) -> int | None:
    """Return the last row of the first folder, or else row, with a name; None if there is none."""
    ends = [f["last"] for f in network["folders"] if f["name"] == place]
    ends += [i for i, row in enumerate(network["rows"]) if row["name"] == place]
    return next(iter(ends), None)


def bar_at(network: dict[str, Any], opened: Collection[str], row: int) -> tuple[str, int]:
    """Return name and last row of the bar that shows a row."""
    first, last = next(span for span in bars(network, opened) if span[0] <= row <= span[1])
    closed = (
        f["name"]
        for f in network["folders"]
        if (f["first"], f["last"]) == (first, last) and f["name"] not in opened
    )
    return next(closed, network["rows"][last]["name"]), last


def _with_depths(folders: Sequence[dict[str, Any]]) -> list[tuple[dict[str, Any], int]]:
    """Return each folder, and how many are around it."""

    def is_around(outer: dict[str, Any], inner: dict[str, Any]) -> bool:
        holds = outer["first"] <= inner["first"] and inner["last"] <= outer["last"]
        return holds and len(outer["name"]) < len(inner["name"])

    return [(inner, sum(is_around(outer, inner) for outer in folders)) for inner in folders]
