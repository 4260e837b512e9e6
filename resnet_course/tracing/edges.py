"""The graph of a trace: which row feeds which, and where a path goes around others."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_


@dataclass(frozen=True)
class Edge:
    """What one row gives goes into another. Numbers are positions in the trace.

    Attributes:
        source: a row; -1 is the first input of the model, -2 the second, and so on.
        target: a row; `len(trace)` is the first output, `len(trace) + 1` the second.
        how: where several ways meet in the target: "add", "concatenate", "multiply", "choose" or
            "attend" (products of activations); else "".
    """

    source: int
    target: int
    how: str = ""


@dataclass(frozen=True)
class Shortcut:
    """A path around some layers that ends in an addition. Numbers are positions in the trace.

    Attributes:
        start: the row whose output takes both paths; -1 for the input of the model.
        end: the row of the addition.
        layers: the rows on the shortest path; empty for an identity shortcut.
    """

    start: int
    end: int
    layers: tuple[int, ...]


def find_shortcuts(edges: Sequence[Edge], rows: int) -> list[Shortcut]:
    """Find the additions with one path that is shorter than all others.

    Paths of equal length are branches side by side, such as those of ResNeXt. A sum that goes
    nowhere but into another sum is a part of that: x + a(x) + b(x) is one sum of three terms.
    """
    into: dict[int, list[int]] = defaultdict(list)
    sums = {edge.target for edge in edges if edge.how == "add" and edge.target < rows}
    for edge in edges:
        into[edge.target].append(edge.source)
    uses = Counter(edge.source for edge in edges)
    parts = {source for end in sums for source in into[end] if source in sums and uses[source] == 1}
    passed: dict[int, int] = defaultdict(int)  # bit i is set if the path led through row i
    for row in range(rows):
        passed[row] = reduce(or_, (passed[source] for source in into[row]), 0) | 1 << row

    def terms(end: int) -> list[int]:
        found = []
        for source in into[end]:
            found += terms(source) if source in parts else [passed[source]]
        return found

    shortcuts = []
    for end in sorted(sums - parts):
        paths = terms(end)
        common = reduce(and_, paths)
        own = sorted((path & ~common for path in paths), key=int.bit_count)
        if len(own) > 1 and own[0].bit_count() < own[1].bit_count():
            alone = own[0] & ~reduce(or_, own[1:])
            layers = tuple(i for i in range(alone.bit_length()) if alone >> i & 1)
            # The last row that all terms have passed is where the paths part.
            shortcuts.append(Shortcut(common.bit_length() - 1, end, layers))
    return shortcuts
