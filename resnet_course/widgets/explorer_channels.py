"""Which channels of a feature map the explorer shows: a few, the same ones where they can be."""

from __future__ import annotations

from collections import defaultdict

from torch import Tensor

from resnet_course.tracing.edges import Edge
from resnet_course.tracing.rows import Trace

MOST_CHANNELS = 16


def choose_channels(table: Trace, spread: dict[int, Tensor]) -> dict[int, list[int]]:
    """Choose the channels that vary most: the same in all rows that what keeps channels joins.

    So x, F(x) and x + F(x) can be compared.

    Args:
        table: the rows.
        spread: row → how much each of its channels varies.
    """
    groups = {row: row for row in spread}

    def find(row: int) -> int:
        while groups[row] != row:
            row = groups[row]
        return row

    for edge in table.edges:
        if edge.source in spread and edge.target in spread and _keeps_channels(table, edge):
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


def _keeps_channels(table: Trace, edge: Edge) -> bool:
    """Is channel 3 of what comes out made of channel 3 of what goes in?"""
    source, row = table.rows[edge.source], table.rows[edge.target]
    if source.out_shape[:1] != row.out_shape[:1] or edge.how not in ("", "add", "multiply"):
        return False
    return not row.macs or row.groups == row.out_shape[0]
