"""The graph of a trace: which row feeds which, and where a path goes around others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
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
    out: dict[int, list[int]] = defaultdict(list)
    for edge in edges:
        into[edge.target].append(edge.source)
        out[edge.source].append(edge.target)
    sums = {edge.target for edge in edges if edge.how == "add" and edge.target < rows}
    parts = {s for end in sums for s in into[end] if s in sums and len(out[s]) == 1}
    inputs = max((-edge.source for edge in edges), default=0)
    passed: dict[int, int] = {}  # bit i + inputs is set if the path led through row i
    for row in range(-inputs, rows):
        before = reduce(or_, (passed[source] for source in into[row]), 0)
        passed[row] = before | 1 << row + inputs

    def ends(end: int) -> list[int]:
        """Return the addition and those that are parts of it."""
        found = [end]
        for addition in found:  # it grows: a sum may have hundreds of terms
            found += [s for s in into[addition] if s in parts]
        return found

    def longest(path: int, end: list[int]) -> dict[int, int]:
        """Count the rows on the longest way to the addition, from each row of a path."""
        steps = dict.fromkeys(end, 0)
        for row in _rows(path, inputs):
            steps[row] = 1 + max(steps[target] for target in out[row] if target in steps)
        return steps

    shortcuts = []
    for end in sorted(sums - parts):
        additions = ends(end)
        sources = [s for each in additions for s in into[each] if s not in parts]
        # What comes from no input, a learned constant, is no path.
        paths = [passed[s] for s in sources if passed[s] & (1 << inputs) - 1]
        common = reduce(and_, paths) if paths else 0
        own = sorted((path & ~common for path in paths), key=int.bit_count)
        if not common or len(own) < 2 or own[0].bit_count() == own[1].bit_count():
            continue
        others = reduce(or_, own[1:])
        short, long = longest(own[0], additions), longest(others, additions)

        def parting(row: int, short: dict[int, int] = short, long: dict[int, int] = long) -> bool:
            """Is the path through the short term shorter than that through the others?"""
            ways = [[n[t] for t in out[row] if t in n] for n in (short, long)]
            return all(ways) and max(ways[0]) < max(ways[1])

        last = common.bit_length() - 1 - inputs
        start = next((row for row in _rows(common, inputs) if parting(row)), last)
        layers = sorted(_rows(own[0] & ~others, inputs))
        shortcuts.append(Shortcut(start, end, tuple(layers)))
    return shortcuts


def _rows(path: int, inputs: int) -> Iterator[int]:
    """Yield the rows whose bits are set, the last one first."""
    while path:
        bit = path.bit_length() - 1
        path ^= 1 << bit
        yield bit - inputs
