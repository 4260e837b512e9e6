"""Where the channels of a map lie, and which few the explorer shows: the same where they can be."""

from __future__ import annotations

from collections import defaultdict

from torch import Tensor

from resnet_course.tracing.edges import Edge
from resnet_course.tracing.rows import Trace

MOST_CHANNELS = 16
FIRST, LAST = 0, 2  # axis of the channels in a map of one picture


def channel_axes(table: Trace) -> list[tuple[int | None, int | None]]:
    """Return the axis of the channels in what goes into each row, and in what comes out.

    Where the pixels that are seen do not tell, a window says that the channels come first, and
    what has the same shape as before lies as before. None in what is no such map.
    """
    first = {edge.target: edge for edge in reversed(table.edges)}
    found: list[tuple[int | None, int | None]] = []
    for number, row in enumerate(table):
        edge = first.get(number, Edge(-1, number))
        source = edge.source
        before = table.rows[source] if source >= 0 else None
        came, out = row.channels
        if row.kernel and len(row.kernel) == 2:
            came = out = FIRST
        if came is None and (before is None or before.out_shape == row.in_shape):
            came = found[source][1] if before else FIRST
        grows = edge.how == "concatenate" or row.in_shape[:-1] == row.out_shape[:-1]
        if out is None and grows:
            out = came
        maps = [len(shape) == 3 for shape in (row.in_shape, row.out_shape)]
        found.append((came if maps[0] else None, out if maps[1] else None))
    return found


def choose_channels(table: Trace, spread: dict[int, Tensor]) -> dict[int, list[int]]:
    """Choose the channels that vary most: the same in all rows that what keeps channels joins.

    So x, F(x) and x + F(x) can be compared.

    Args:
        table: the rows.
        spread: row → how much each of its channels varies.
    """
    groups = {row: row for row in spread}
    counts = {row: len(each) for row, each in spread.items()}

    def find(row: int) -> int:
        while groups[row] != row:
            row = groups[row]
        return row

    for edge in table.edges:
        if edge.source in spread and edge.target in spread and _keeps_channels(table, edge, counts):
            groups[find(edge.source)] = find(edge.target)
    members = defaultdict(list)
    for row in spread:
        members[find(row)].append(row)
    chosen = {}
    for rows in members.values():
        score = sum(spread[row] / spread[row].mean().clamp(min=1e-12) for row in rows)
        best = score.argsort(descending=True, stable=True).tolist()[:MOST_CHANNELS]
        is_vector = all(len(table.rows[row].out_shape) == 1 for row in rows)
        if is_vector and len(score) <= MOST_CHANNELS:  # the classes, in their order
            best.sort()
        chosen |= dict.fromkeys(rows, best)
    return chosen


def _keeps_channels(table: Trace, edge: Edge, counts: dict[int, int]) -> bool:
    """Is channel 3 of what comes out made of channel 3 of what goes in?"""
    row, (before, after) = table.rows[edge.target], (counts[edge.source], counts[edge.target])
    if before != after or edge.how not in ("", "add", "multiply"):
        return False
    return not row.macs or row.groups == after
